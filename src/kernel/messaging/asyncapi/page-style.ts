/** Light and dark, as the reader's system is. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: light-dark(#dde2e8, #333b45); --soft: light-dark(#f5f7f9, #1a2028);
  --text: light-dark(#1d2733, #dfe6ee); --quiet: light-dark(#5a6877, #93a1b1); --link: light-dark(#0b5cad, #77b7ff); }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; display: grid; grid-template-columns: 18rem minmax(0, 1fr); color: var(--text);
  background: light-dark(#fff, #12171d); font: 15px/1.5 system-ui, sans-serif; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem 1.25rem; border-right: 1px solid var(--line);
  background: var(--soft); font-size: 13px; }
nav h2 { margin: 1.2rem 0 .3rem; font-size: 12px; text-transform: uppercase; letter-spacing: .06em; color: var(--quiet); }
nav a { display: block; padding: .15rem 0; overflow-wrap: anywhere; }
main { max-width: 62rem; padding: 1.5rem 2.5rem 6rem; }
h1 { margin: 0 0 .4rem; } h1 small { font-size: 1rem; color: var(--quiet); font-weight: normal; }
main > h2 { margin: 2.5rem 0 1rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
section { margin: 0 0 1rem; padding: .9rem 1.1rem; border: 1px solid var(--line); border-radius: 8px; scroll-margin-top: 1rem; }
section:target { border-color: var(--link); }
h3 { margin: 0; font-size: 16px; overflow-wrap: anywhere; }
section p { margin: .4rem 0; }
.doors a { display: inline-block; margin-right: 1.25rem; }
.take, .publish { display: inline-block; min-width: 4.6rem; padding: .05rem .5rem; border-radius: 4px; color: #fff; font-size: 12px;
  text-align: center; vertical-align: middle; }
.take { background: #1f7a4d; } .publish { background: #6a45b0; }
.required { color: light-dark(#b3261e, #ff8a80); font-size: 12px; }
code, pre { font: 13px/1.45 ui-monospace, Menlo, Consolas, monospace; }
p code, td code { overflow-wrap: anywhere; }
pre { margin: .4rem 0; padding: .7rem .9rem; overflow: auto; border-radius: 6px; background: var(--soft); }
details { margin: .35rem 0; } summary { cursor: pointer; } summary small { color: var(--quiet); }
.wide { overflow-x: auto; }
table { width: 100%; margin: .3rem 0; border-collapse: collapse; font-size: 14px; }
td { padding: .35rem .6rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }
td:first-child { width: 30%; } td:nth-child(2) { width: 22%; }
tr.inner > td { width: auto; padding: 0 0 .4rem 1.5rem; border-top: 0; }
@media (max-width: 800px) { body { display: block; } nav { position: static; height: auto; max-height: 40vh; border-right: 0; }
  main { padding: 1rem; } }
`;

import { html as markup, Html } from '../../kernel/http/html.js';
import { type Counts, drawing, STYLE } from './drawing.js';
import type { Plan } from './layout.js';

export interface Pictured {
  readonly key: string;
  readonly name: string;
  readonly version: number;
  readonly plan: Plan;
  readonly counts: Counts;
}

const REFRESH_S = 10;

/** A workflow with what is going on in it, as a page that keeps itself current. */
export function diagramPage({ key, name, version, plan, counts }: Pictured): string {
  const rows = [...counts].map(
    ([node, { tokens, incidents }]) =>
      markup`<tr><th>${node}</th><td>${tokens}</td><td>${incidents}</td></tr>`,
  );
  const base = `/api/v1/workflows/${encodeURIComponent(key)}/versions/${String(version)}`;
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="${REFRESH_S}"><meta name="viewport" content="width=device-width"><title>${name}</title><style>${new Html(STYLE)}</style></head>
<body><h1>${name}</h1><p>${key}, version ${version} · <a href="${base}">definition</a> · <a href="${base}/diagram.svg">picture</a> · <a href="${base}/diagram.mmd">Mermaid</a></p>
<div class="picture">${drawing(plan, name, counts)}</div>
<table><thead><tr><th>Node</th><th>Here now</th><th>Stuck</th></tr></thead><tbody>${rows}</tbody></table>
</body></html>`.text;
}

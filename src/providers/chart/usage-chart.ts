import { createHash } from 'node:crypto';
import { html as markup, Html } from '../../kernel/http/html.js';
import { BUCKETS, type UsageView } from '../providers.dto.js';
import { linearScale, roundTicks, type Scale, timeTicks } from './scale.js';

const WIDTH = 960;
const HEIGHT = 380;
const PLOT = { left: 64, right: 24, top: 56, bottom: 40 };
const LEGEND = [
  ['free', 'Free calls'],
  ['paid', 'Paid calls'],
  ['optimum', 'Least that had to be paid'],
  ['block', 'Free provider blocked'],
] as const;

/** Light and dark, as the reader's system is. */
const STYLE = `
:root, svg { color-scheme: light dark; }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif;
  background: light-dark(#fff, #12171d); color: light-dark(#1d2733, #dfe6ee); }
svg { display: block; width: 100%; height: auto; background: light-dark(#fff, #12171d); }
svg text { font: 12px system-ui, sans-serif; fill: light-dark(#5a6877, #93a1b1); }
svg .title { font-size: 15px; font-weight: 600; fill: light-dark(#1d2733, #dfe6ee); }
.grid { stroke: light-dark(#e6eaef, #26303a); } .axis { stroke: light-dark(#aab4bf, #4d5965); }
.free { fill: light-dark(#2b8a5f, #4cc38a); } .paid { fill: light-dark(#c2410c, #fb923c); }
.block { fill: light-dark(#94a3b8, #64748b); fill-opacity: .28; }
.optimum { fill: none; stroke: light-dark(#1d2733, #f1f5f9); stroke-width: 1.75; }
table { border-collapse: collapse; margin-top: 1rem; } caption { text-align: left; font-weight: 600; white-space: nowrap; }
th, td { padding: .25rem 1.25rem .25rem 0; text-align: right; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 400; color: light-dark(#5a6877, #93a1b1); }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** What a browser may load on the chart: its own style and nothing else. */
export const CHART_MAY_LOAD = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

interface Frame {
  readonly x: Scale;
  readonly y: Scale;
}

/**
 * Free and paid calls over time as an SVG that stands alone. Where the bars rise above the line, more was paid than had
 * to be; behind them are the times in which the free provider took no calls.
 */
export function usageChart(usage: UsageView): string {
  return drawing(usage, markup`<style>${new Html(STYLE)}</style>`).text;
}

/** The chart with its figures, as a page. */
export function usagePage(usage: UsageView): string {
  const { total } = usage;
  const figures: [string, string][] = [
    ['Free calls', counted(total.free)],
    ['Paid calls', counted(total.paid)],
    ['Least that had to be paid', counted(total.optimum)],
    ['Paid above that', counted(total.excess)],
    ['Refused by a provider', counted(total.refused)],
    ['Failed', counted(total.failed)],
    [
      'Free calls used',
      total.utilisation === null ? '–' : `${(total.utilisation * 100).toFixed(2)} %`,
    ],
    ['Spent', (total.spent_micros / 1e6).toFixed(6)],
  ];
  const rows = figures.map(
    ([name, value]) => markup`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  );
  const page = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Usage of the providers</title><style>${new Html(STYLE)}</style></head>
<body>${drawing(usage)}<table><caption>${clock(usage.from)} to ${clock(usage.to)} UTC</caption>${rows}</table></body></html>`;
  return page.text;
}

function drawing(usage: UsageView, style?: Html): Html {
  const frame = frameOf(usage);
  const about = `${counted(usage.total.free)} free and ${counted(usage.total.paid)} paid calls, of which ${counted(usage.total.excess)} need not have been paid`;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${about}">${style}
<text class="title" x="${PLOT.left}" y="20">Calls of the providers per ${usage.bucket}</text>
${legend()}${blocks(usage, frame)}${grid(frame)}${bars(usage, frame)}${optimum(usage, frame)}${axes(frame)}</svg>`;
}

function frameOf({ items, from, to }: UsageView): Frame {
  const highest = Math.max(1, ...items.map(({ free, paid }) => free + paid));
  const top = roundTicks(highest, 5).at(1) ?? 1;
  const max = Math.ceil(highest / top) * top;
  return {
    x: linearScale([Date.parse(from), Date.parse(to)], [PLOT.left, WIDTH - PLOT.right]),
    y: linearScale([0, max], [HEIGHT - PLOT.bottom, PLOT.top]),
  };
}

function legend(): Html[] {
  return LEGEND.map(([name, label], index) => {
    const x = PLOT.left + index * 190;
    const mark =
      name === 'optimum'
        ? markup`<path class="optimum" d="M${x} 37h14"/>`
        : markup`<rect class="${name}" x="${x}" y="31" width="14" height="12" rx="2"/>`;
    return markup`${mark}<text x="${x + 20}" y="41">${label}</text>`;
  });
}

function blocks(usage: UsageView, { x, y }: Frame): Html[] {
  const [start, end] = x.domain;
  return usage.blocks.map((block) => {
    const left = x.place(Math.max(start, Date.parse(block.from)));
    const right = x.place(Math.min(end, Date.parse(block.until)));
    return rect('block', { left, right, top: PLOT.top, bottom: y.place(0) }, '');
  });
}

function bars(usage: UsageView, frame: Frame): Html[] {
  return usage.items.flatMap((item) => {
    const { left, right } = placeOf(item.at, usage, frame.x);
    const between = frame.y.place(item.free);
    const title = `${clock(item.at)}: ${counted(item.free)} free, ${counted(item.paid)} paid, ${counted(item.optimum)} had to be`;
    return [
      rect('free', { left, right, top: between, bottom: frame.y.place(0) }, title),
      rect(
        'paid',
        { left, right, top: frame.y.place(item.free + item.paid), bottom: between },
        title,
      ),
    ];
  });
}

/** A step over each bar, at the height that it would have had at the least cost. */
function optimum(usage: UsageView, { x, y }: Frame): Html[] {
  return usage.items.map((item) => {
    const { left, right } = placeOf(item.at, usage, x);
    const height = y.place(item.free + item.optimum);
    return markup`<path class="optimum" d="M${rounded(left)} ${rounded(height)}H${rounded(right)}"/>`;
  });
}

/** Of a bucket, as far as it lies in the time that was asked for; a pixel wide at least. */
function placeOf(at: string, { bucket }: UsageView, x: Scale): { left: number; right: number } {
  const [from, to] = x.domain;
  const start = Math.max(from, Date.parse(at));
  const end = Math.min(to, Date.parse(at) + BUCKETS[bucket]);
  const left = x.place(start);
  const width = Math.max(1, x.place(end) - left);
  return { left: left + width * 0.08, right: left + width * 0.92 };
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function rect(name: string, { left, right, top, bottom }: Box, title: string): Html {
  const width = rounded(Math.max(0.5, right - left));
  const height = rounded(Math.max(0, bottom - top));
  return markup`<rect class="${name}" x="${rounded(left)}" y="${rounded(top)}" width="${width}" height="${height}">${title === '' ? undefined : markup`<title>${title}</title>`}</rect>`;
}

function grid({ y }: Frame): Html[] {
  return roundTicks(y.domain[1], 5).map((value) => {
    const at = rounded(y.place(value));
    return markup`<path class="grid" d="M${PLOT.left} ${at}H${WIDTH - PLOT.right}"/><text x="${PLOT.left - 8}" y="${at + 4}" text-anchor="end">${counted(value)}</text>`;
  });
}

function axes({ x, y }: Frame): Html[] {
  const base = y.place(0);
  const isLong = x.domain[1] - x.domain[0] > 2 * BUCKETS.day;
  const ticks = timeTicks(x.domain, 9).map((instant) => {
    const at = rounded(x.place(instant));
    const text = new Date(instant).toISOString();
    const label = isLong ? text.slice(5, 10) : text.slice(11, 16);
    return markup`<path class="axis" d="M${at} ${base}v5"/><text x="${at}" y="${base + 20}" text-anchor="middle">${label}</text>`;
  });
  return [markup`<path class="axis" d="M${PLOT.left} ${base}H${WIDTH - PLOT.right}"/>`, ...ticks];
}

function counted(value: number): string {
  return value.toLocaleString('en');
}

function clock(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)}`;
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

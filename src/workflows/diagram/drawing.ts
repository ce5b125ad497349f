import { createHash } from 'node:crypto';
import { html as markup, Html } from '../../kernel/http/html.js';
import type { NodeDraft } from '../definition/draft.js';
import {
  type Box,
  detailOf,
  innerOrigin,
  type Line,
  type Plan,
  type Point,
  shortened,
  titleOf,
} from './layout.js';

/** How many tokens are at a node now, and how many of them are stuck. */
export interface NodeCount {
  readonly tokens: number;
  readonly incidents: number;
}
export type Counts = ReadonlyMap<string, NodeCount>;

/** Light and dark, as the reader's system is. */
export const STYLE = `
:root, svg { color-scheme: light dark; }
body { margin: 1.5rem; font: 15px/1.5 system-ui, sans-serif; background: light-dark(#fff, #12171d); color: light-dark(#1d2733, #dfe6ee); }
a { color: light-dark(#1d5fbf, #7db4ff); }
svg { background: light-dark(#fff, #12171d); }
svg text { font: 12px system-ui, sans-serif; fill: light-dark(#1d2733, #dfe6ee); text-anchor: middle; }
svg .detail, svg .label { font-size: 10.5px; fill: light-dark(#51606f, #9fb0c1); }
svg .label { paint-order: stroke; stroke: light-dark(#fff, #12171d); stroke-width: 4px; stroke-linejoin: round; }
.box { fill: light-dark(#f4f7fa, #1b232c); stroke: light-dark(#8795a5, #5d6b7a); stroke-width: 1.25; }
.human .box { fill: light-dark(#e8f1fe, #16304f); stroke: light-dark(#3f7fd6, #6aa5f5); }
.wait .box { stroke-dasharray: 5 3; } .end .box { stroke-width: 3; } .call .box { stroke-width: 3.5; }
.start .box { fill: light-dark(#e4f5ea, #14351f); stroke: light-dark(#2b8a5f, #4cc38a); }
.scope > .box { fill: light-dark(#fafbfc, #161c23); stroke-dasharray: 2 3; }
.event { fill: light-dark(#fff, #12171d); stroke: light-dark(#a15c00, #f0b35b); stroke-width: 1.4; }
.event.soft { stroke-dasharray: 2.5 1.5; }
svg .mark { font-size: 9px; fill: light-dark(#8a4e00, #f0b35b); }
.line { fill: none; stroke: light-dark(#66768a, #8796a8); stroke-width: 1.3; }
.line.event-line { stroke: light-dark(#a15c00, #f0b35b); stroke-dasharray: 5 3; fill: none; }
.tip { fill: light-dark(#66768a, #8796a8); }
.busy .box { fill: light-dark(#fff0c9, #4a3a0c); stroke: light-dark(#b7791f, #e0b040); }
.stuck .box { fill: light-dark(#fde3e1, #4d1a17); stroke: light-dark(#c0392b, #ff8a80); }
.count { fill: light-dark(#8a5a00, #e0b040); } .count.bad { fill: light-dark(#b3261e, #ff8a80); }
svg .number { font-size: 11px; font-weight: 600; fill: light-dark(#fff, #12171d); }
table { border-collapse: collapse; margin-top: 1rem; } th, td { padding: .25rem 1.25rem .25rem 0; text-align: left; }
td { font-variant-numeric: tabular-nums; } .picture { overflow-x: auto; }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** What a browser may load with a picture: its own style and nothing else. */
export const DIAGRAM_MAY_LOAD = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const NO_COUNTS: Counts = new Map();

/** A workflow as an SVG that stands alone, with the tokens that are at its nodes where counts are given. */
export const diagramOf = (plan: Plan, title: string, counts = NO_COUNTS): string =>
  drawing(plan, title, counts, markup`<style>${new Html(STYLE)}</style>`).text;

export function drawing(plan: Plan, title: string, counts: Counts, style?: Html): Html {
  const [width, height] = [Math.ceil(plan.width) + 8, Math.ceil(plan.height) + 8];
  return markup`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img"><title>${title}</title>${style}
<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>
${planned(plan, counts)}</svg>`;
}

const planned = ({ boxes, lines }: Plan, counts: Counts): Html => {
  const parts = [
    ...lines.map((line) => drawnLine(line, boxes)),
    ...boxes.map((box) => drawnBox(box, counts)),
    ...lines.map(drawnLabel),
  ];
  return markup`${parts}`;
};

function drawnBox(box: Box, counts: Counts): Html {
  const { node, inner } = box;
  const count = counts.get(node.id);
  return markup`<g class="${classOf(node)}${stateOf(count)}"><title>${tooltipOf(node)}</title>${shapeOf(box)}${texts(box)}
${inner && within(box, inner, counts)}${events(box)}${count && badge(box, count)}</g>`;
}

function stateOf(count: NodeCount | undefined): string {
  if (!count || count.tokens === 0) return '';
  return count.incidents > 0 ? ' stuck' : ' busy';
}

/** The title, above what lies in a scope; below it what the node does. */
function texts({ node, x, y, width, height, inner }: Box): Html {
  const detail = inner ? '' : detailOf(node);
  const middle = y + height / 2;
  const alone = inner ? y + 17 : middle + 4;
  const title = markup`<text x="${round(x + width / 2)}" y="${round(detail === '' ? alone : middle - 2)}">${shortened(titleOf(node))}</text>`;
  if (detail === '') return title;
  return markup`${title}<text class="detail" x="${round(x + width / 2)}" y="${round(middle + 13)}">${shortened(detail)}</text>`;
}

function within(box: Box, inner: Plan, counts: Counts): Html {
  const { x, y } = innerOrigin(box);
  return markup`<g transform="translate(${round(x)} ${round(y)})">${planned(inner, counts)}</g>`;
}

function classOf(node: NodeDraft): string {
  if (node.type === 'task' && node.kind === 'human') return 'task human';
  return node.type === 'scope' && node.call ? 'call' : node.type;
}

/** Those of a node that a reader would look for first. */
function tooltipOf(node: NodeDraft): string {
  const { id, description, join, each, mutex, cancels } = node;
  const facts = [
    join && `join: ${join.mode}`,
    each && 'done many times',
    mutex !== undefined && `mutex: ${mutex}`,
    cancels && `cancels: ${cancels.join(', ')}`,
  ].filter((fact) => typeof fact === 'string');
  return [`${id} (${node.type})`, ...facts, description ?? ''].filter(Boolean).join(' · ');
}

function shapeOf({ node, x, y, width, height }: Box): Html {
  if (node.type === 'gateway') {
    const [left, right, middle] = [round(x), round(x + width), round(y + height / 2)];
    const points = `${left},${middle} ${left + 9},${round(y)} ${right - 9},${round(y)} ${right},${middle} ${right - 9},${round(y + height)} ${left + 9},${round(y + height)}`;
    return markup`<polygon class="box" points="${points}"/>`;
  }
  const isPill = node.type === 'start' || node.type === 'end';
  return markup`<rect class="box" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${isPill ? round(height / 2) : 7}"/>`;
}

type BoundaryEvent = NonNullable<NodeDraft['on']>[number];

const MARKS = {
  timer: 'T',
  message: 'M',
  signal: 'S',
  error: 'E',
  escalation: '↑',
  condition: '?',
};

const markOf = (event: BoundaryEvent): string =>
  Object.entries(MARKS).find(([field]) => event[field as keyof typeof MARKS] !== undefined)?.[1] ??
  '';

const EVENT = { radius: 8, gap: 20, inset: 14 };

function eventAt({ x, y, width, height, node }: Box, outcome: string): Point | undefined {
  const index = (node.on ?? []).findIndex((event) => event.outcome === outcome);
  if (index < 0) return undefined;
  return { x: x + width - EVENT.inset - index * EVENT.gap, y: y + height };
}

/** Small circles on the lower border; dashed ones do not interrupt. */
function events(box: Box): Html {
  const drawn = (box.node.on ?? []).map((event) => {
    const at = eventAt(box, event.outcome) ?? box;
    const soft = event.interrupting === false ? 'soft' : '';
    return markup`<circle class="event ${soft}" cx="${round(at.x)}" cy="${round(at.y)}" r="${EVENT.radius}"><title>${event.outcome}</title></circle>
<text class="mark" x="${round(at.x)}" y="${round(at.y + 3)}">${markOf(event)}</text>`;
  });
  return markup`${drawn}`;
}

function badge({ x, y, width }: Box, { tokens, incidents }: NodeCount): Html {
  const text = incidents > 0 ? `${String(tokens)} (${String(incidents)}!)` : String(tokens);
  const size = text.length * 7 + 10;
  const left = x + width - size + 8;
  return markup`<rect class="count ${incidents > 0 ? 'bad' : ''}" x="${round(left)}" y="${round(y - 12)}" width="${size}" height="17" rx="8"><title>${tokens} here, ${incidents} stuck</title></rect>
<text class="number" x="${round(left + size / 2)}" y="${round(y + 0.5)}">${text}</text>`;
}

function drawnLine({ flow, points }: Line, boxes: readonly Box[]): Html {
  const from = boxes.find(({ node }) => node.id === flow.from);
  const event = from && flow.on !== undefined ? eventAt(from, flow.on) : undefined;
  const way = event ? [{ x: event.x, y: event.y + EVENT.radius }, ...points.slice(1)] : points;
  return markup`<path class="line${event ? ' event-line' : ''}" d="${pathOf(way)}" marker-end="url(#tip)"/>
`;
}

const drawnLabel = ({ label, at }: Line): Html =>
  markup`${at && markup`<text class="label" x="${round(at.x)}" y="${round(at.y + 4)}">${label}</text>`}`;

const CORNER = 14;

/** Straight from point to point, with round corners. */
function pathOf(points: readonly Point[]): string {
  const parts = points.map((point, index) => {
    const [before, after] = [points[index - 1], points[index + 1]];
    if (!before) return `M${placeOf(point)}`;
    if (!after) return `L${placeOf(point)}`;
    return `L${placeOf(near(point, before))}Q${placeOf(point)} ${placeOf(near(point, after))}`;
  });
  return parts.join('');
}

/** Where the rounding of a corner begins on the way to another point. */
function near(corner: Point, to: Point): Point {
  const [x, y] = [to.x - corner.x, to.y - corner.y];
  const length = Math.hypot(x, y) || 1;
  const part = Math.min(CORNER, length / 2) / length;
  return { x: corner.x + x * part, y: corner.y + y * part };
}

const placeOf = ({ x, y }: Point): string => `${String(round(x))} ${String(round(y))}`;

const round = (value: number): number => Math.round(value * 10) / 10;

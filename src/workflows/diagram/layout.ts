import type { FlowDraft, NodeDraft, WorkflowDraft } from '../definition/draft.js';
import { flowName } from '../definition/findings.js';
import { Graph, layout, type LayoutGraph } from './dagre.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A node at its place; x and y are those of its upper left corner. */
export interface Box extends Point {
  readonly node: NodeDraft;
  readonly width: number;
  readonly height: number;
  /** What lies in a scope, placed inside of it. */
  readonly inner: Plan | undefined;
}

export interface Line {
  readonly flow: FlowDraft;
  readonly label: string;
  readonly points: readonly Point[];
  /** The middle of the label. */
  readonly at: Point | undefined;
}

/** Where everything of a scope is drawn. */
export interface Plan {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

const CHARACTER = 6.8;
const PADDING = 28;
const HEIGHT = 44;
/** Above and around what lies in a scope. */
const SCOPE_HEAD = 26;
const SCOPE_PADDING = 8;
const MOST_CHARACTERS = 30;
const LABEL_HEIGHT = 16;

/** More than this cannot be read, and to place it would keep the process from all else for a second. */
export const MOST_DRAWN = { nodes: 150, flows: 250 };

export const shortened = (text: string, most = MOST_CHARACTERS): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;

export const titleOf = ({ name, id }: NodeDraft): string => name ?? id;

/** The second line of a node: what it is or does. */
export function detailOf(node: NodeDraft): string {
  switch (node.type) {
    case 'task':
      return node.kind;
    case 'scope':
      return node.call ? `calls ${node.call.workflow}` : '';
    case 'wait':
      return `waits for ${waitedFor(node)}`;
    case 'emit':
      return sent(node);
    default:
      return '';
  }
}

function waitedFor(node: Extract<NodeDraft, { type: 'wait' }>): string {
  if (typeof node.timer === 'string') return node.timer;
  if (node.timer) return node.timer.cron;
  if (node.criteria) return node.criteria.map(({ signal }) => signal).join(', ');
  return node.message?.name ?? node.signal?.name ?? node.condition ?? 'nothing';
}

function sent({
  message,
  signal,
  error,
  escalation,
}: Extract<NodeDraft, { type: 'emit' }>): string {
  if (message) return `sends ${message.name}`;
  if (signal) return `signals ${signal.name}`;
  if (error) return `error ${error.code}`;
  return escalation ? `escalates ${escalation.code}` : 'undoes';
}

/** What is written at a flow: its outcome, where there is a choice, and its condition. */
function labelOf({ on, when, otherwise }: FlowDraft): string {
  const condition = otherwise ? 'else' : when && `[${shortened(when.replace(/^=/, ''), 24)}]`;
  return [on, condition].filter((part) => part !== undefined && part !== '').join(' ');
}

/**
 * Places the nodes of a workflow from left to right. Flows do not cross the borders of scopes, so each scope is laid
 * out by itself and then is one node of the scope around it. A draft may be wrong: flows that lead nowhere are left
 * out, and nodes in scopes that do not exist stand outside.
 */
export function planOf({ nodes, flows }: WorkflowDraft): Plan {
  const scopes = new Set(nodes.flatMap(({ id, type }) => (type === 'scope' ? id : [])));
  const inside = Map.groupBy(nodes, (node) => (scopes.has(node.in ?? '') ? (node.in ?? '') : ''));
  const place = (scope: string): Plan => placed(inside.get(scope) ?? [], flows, place, inside);
  return place('');
}

type Inside = ReadonlyMap<string, readonly NodeDraft[]>;

function placed(
  nodes: readonly NodeDraft[],
  flows: readonly FlowDraft[],
  place: (scope: string) => Plan,
  inside: Inside,
): Plan {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({
    rankdir: 'LR',
    nodesep: 26,
    ranksep: 44,
    edgesep: 14,
    marginx: 12,
    marginy: 12,
  });
  const inner = new Map<string, Plan>();
  for (const node of nodes) {
    const plan = inside.has(node.id) ? place(node.id) : undefined;
    if (plan) inner.set(node.id, plan);
    graph.setNode(node.id, plan ? aroundOf(node, plan) : sizeOf(node));
  }
  const drawn = flows.filter(({ from, to }) => graph.hasNode(from) && graph.hasNode(to));
  for (const flow of drawn) {
    const width = labelOf(flow).length * CHARACTER;
    const size = width > 0 ? { width: width + 8, height: LABEL_HEIGHT, labelpos: 'c' } : {};
    graph.setEdge(flow.from, flow.to, size, flowName(flow));
  }
  layout(graph);
  return read(graph, nodes, drawn, inner);
}

function read(
  graph: LayoutGraph,
  nodes: readonly NodeDraft[],
  flows: readonly FlowDraft[],
  inner: ReadonlyMap<string, Plan>,
): Plan {
  const boxes = nodes.map((node): Box => {
    const { x = 0, y = 0, width = 0, height = 0 } = graph.node(node.id);
    const corner = { x: x - width / 2, y: y - height / 2 };
    return { node, ...corner, width, height, inner: inner.get(node.id) };
  });
  const lines = flows.map((flow): Line => {
    const { points = [], x, y } = graph.edge(flow.from, flow.to, flowName(flow));
    const label = labelOf(flow);
    const at = label !== '' && x !== undefined && y !== undefined ? { x, y } : undefined;
    return { flow, label, points, at };
  });
  const { width = 0, height = 0 } = graph.graph();
  return { width, height, boxes, lines };
}

function sizeOf(node: NodeDraft): { width: number; height: number } {
  const longest = Math.max(
    shortened(titleOf(node)).length * CHARACTER,
    shortened(detailOf(node)).length * (CHARACTER - 0.8),
    (node.on?.length ?? 0) * 20,
  );
  return { width: Math.round(longest + PADDING), height: HEIGHT };
}

function aroundOf(node: NodeDraft, plan: Plan): { width: number; height: number } {
  const title = shortened(titleOf(node)).length * CHARACTER + PADDING;
  return {
    width: Math.max(plan.width + 2 * SCOPE_PADDING, title),
    height: plan.height + SCOPE_HEAD + SCOPE_PADDING,
  };
}

/** Where the plan of a scope begins in its box. */
export const innerOrigin = ({ x, y }: Box): Point => ({ x: x + SCOPE_PADDING, y: y + SCOPE_HEAD });

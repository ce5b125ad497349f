import type {
  CompiledBoundary,
  CompiledEach,
  CompiledFlow,
  CompiledJoin,
  CompiledNode,
  CompiledWorkflow,
  Milestone,
  Outgoing,
} from './compiled.js';
import type { FlowDraft, NodeDraft, WorkflowDraft } from './draft.js';
import { flowName } from './findings.js';
import { compileCondition, compileExpression } from './expression.js';
import { compileTemplate } from './template.js';
import { compileTimer } from './timer.js';
import { compileCorrelation, compileWork } from './work.js';

/** Outcomes that a node may report; every node has at least one. */
export const outcomesOf = (node: NodeDraft): readonly string[] => node.outcomes ?? ['done'];

/** The flows that follow an outcome. A flow without `on` follows every outcome but those of boundary events. */
export const flowsOn = (
  node: NodeDraft,
  outcome: string,
  flows: readonly FlowDraft[],
): FlowDraft[] =>
  flows.filter(
    ({ from, on }) =>
      from === node.id &&
      (on === outcome || (on === undefined && outcomesOf(node).includes(outcome))),
  );

type Links = Omit<CompiledNode, 'incoming' | 'outgoing' | 'join'> & {
  incoming: CompiledFlow[];
  outgoing: Map<string, Outgoing>;
  join: CompiledJoin;
};

/**
 * Makes a draft ready to run. The draft must have no findings of severity error: a flow to a node that does not exist
 * throws. Expressions are compiled when they are first needed, so this costs little more than the graph.
 */
export function compileWorkflow(draft: WorkflowDraft): CompiledWorkflow {
  const nodes = new Map(draft.nodes.map((node, index) => [node.id, compileNode(node, index)]));
  const flows = draft.flows.map((flow) => compileFlow(flow, nodes));
  for (const node of nodes.values()) {
    node.incoming = flows.filter((flow) => flow.to === node);
    for (const outcome of [...node.outcomes, ...node.on.map((event) => event.outcome)])
      node.outgoing.set(outcome, outgoingOf(node, outcome, flows));
  }
  for (const node of nodes.values()) node.join = compileJoin(node);
  return {
    key: draft.key,
    draft,
    nodes,
    starts: startsOf([...nodes.values()]),
    hasSync: [...nodes.values()].some((node) => node.join.mode === 'sync'),
    hasConditions: [...nodes.values()].some(hasCondition),
  };
}

function hasCondition({ milestone, work, on }: Links): boolean {
  return (
    milestone !== undefined ||
    work.does === 'condition' ||
    on.some(({ condition }) => condition !== undefined)
  );
}

function compileNode(node: NodeDraft, index: number): Links {
  return {
    id: node.id,
    index,
    draft: node,
    scope: node.in ?? '',
    outcomes: outcomesOf(node),
    outgoing: new Map(),
    incoming: [],
    join: MERGE,
    each: node.each && compileEach(node.each),
    on: (node.on ?? []).map(compileBoundary),
    output:
      node.output &&
      Object.entries(node.output).map(([name, value]) => [name, compileTemplate(value)] as const),
    milestone: node.milestone === undefined ? undefined : compileMilestone(node.milestone),
    due: node.due === undefined ? undefined : compileTimer(node.due),
    work: compileWork(node),
  };
}

function compileFlow(flow: FlowDraft, nodes: ReadonlyMap<string, CompiledNode>): CompiledFlow {
  const from = nodes.get(flow.from);
  const to = nodes.get(flow.to);
  if (!from || !to) throw new Error(`The flow ${flow.from} → ${flow.to} leads from or to nowhere`);
  return {
    key: flowName(flow),
    on: flow.on,
    when: flow.when === undefined ? undefined : compileCondition(flow.when),
    otherwise: flow.otherwise ?? false,
    from,
    to,
  };
}

function outgoingOf(node: Links, outcome: string, all: readonly CompiledFlow[]): Outgoing {
  const isOwn = node.outcomes.includes(outcome);
  const flows = all.filter(
    ({ from, on }) => from === node && (on === outcome || (on === undefined && isOwn)),
  );
  const isChoice = flows.some(({ when, otherwise }) => when !== undefined || otherwise);
  // The default flow is looked at last, wherever it is written.
  const ordered = [
    ...flows.filter(({ otherwise }) => !otherwise),
    ...flows.filter(({ otherwise }) => otherwise),
  ];
  return { split: node.draft.split ?? (isChoice ? 'one' : 'all'), flows: ordered };
}

const MERGE: CompiledJoin = { mode: 'each', n: 1, rest: 'absorb', upstream: new Set() };

function compileJoin(node: CompiledNode): CompiledJoin {
  const { join } = node.draft;
  if (!join || join.mode === 'each') return MERGE;
  const rest = join.rest ?? 'absorb';
  const n = join.mode === 'n' ? (join.n ?? 1) : node.incoming.length;
  const looksBack = join.mode === 'sync' || rest === 'cancel';
  return { mode: join.mode, n, rest, upstream: looksBack ? upstreamOf(node) : MERGE.upstream };
}

/** Nodes from which a token can reach a node without passing through it. */
function upstreamOf(node: CompiledNode): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting: CompiledNode[] = [node];
  for (let next = waiting.pop(); next; next = waiting.pop())
    for (const { from } of next.incoming) {
      if (from === node || found.has(from.id)) continue;
      found.add(from.id);
      waiting.push(from);
    }
  return found;
}

function startsOf(nodes: readonly CompiledNode[]): Map<string, CompiledNode[]> {
  const undoing = new Set(nodes.map(({ draft }) => draft.compensate));
  const starts = new Map<string, CompiledNode[]>();
  for (const scope of new Set(nodes.map((node) => node.scope))) {
    const inside = nodes.filter((node) => node.scope === scope);
    const declared = inside.filter(({ draft }) => draft.type === 'start');
    const sources = inside.filter(({ incoming, id }) => incoming.length === 0 && !undoing.has(id));
    starts.set(scope, declared.length > 0 ? declared : sources);
  }
  return starts;
}

function compileEach(each: NonNullable<NodeDraft['each']>): CompiledEach {
  return {
    items: each.items === undefined ? undefined : compileExpression(each.items),
    count: each.count === undefined ? undefined : compileCount(each.count),
    completeWhen:
      each.complete_when === undefined ? undefined : compileCondition(each.complete_when),
    outcome: each.outcome === undefined ? undefined : compileTemplate(each.outcome),
  };
}

const compileCount = (count: number | string): CompiledEach['count'] =>
  typeof count === 'number' ? () => count : compileExpression(count);

function compileMilestone(milestone: NonNullable<NodeDraft['milestone']>): Milestone {
  return typeof milestone === 'string' ? { holds: compileCondition(milestone) } : milestone;
}

function compileBoundary(event: NonNullable<NodeDraft['on']>[number]): CompiledBoundary {
  return {
    outcome: event.outcome,
    interrupting: event.error !== undefined || (event.interrupting ?? true),
    repeat: event.repeat === true ? Infinity : (event.repeat ?? 0),
    timer: event.timer === undefined ? undefined : compileTimer(event.timer),
    message: event.message && compileCorrelation(event.message),
    signal: event.signal && compileCorrelation(event.signal),
    condition: event.condition === undefined ? undefined : compileCondition(event.condition),
    error: event.error,
    escalation: event.escalation,
  };
}

import type { CompiledFlow, CompiledNode, CompiledWorkflow, Outgoing } from './compiled.js';
import type { Finding } from './findings.js';

/** Tokens by flow. A start stands for the flow that leads to it. */
type Marking = ReadonlyMap<string, number>;

const MOST_MARKINGS = 3_000;
/** More tokens than this on one flow, and they pile up without end. */
const MOST_TOKENS = 4;

interface Exploration {
  readonly stuck: Set<string>;
  readonly piling: Set<string>;
  readonly fired: Set<string>;
  /** Some way through comes to an end. */
  canEnd: boolean;
  /** Everything that can happen has been looked at. */
  isComplete: boolean;
}

/**
 * Plays the token game of each scope with every outcome and every choice, without data, up to a bound. What it finds
 * can happen as far as the graph knows; conditions that belong together may rule it out, so most of it are warnings.
 * Steps of different branches do not disturb each other, so of those that are possible one is looked at
 * (partial-order reduction); synchronizing merges come last, which is when they fire.
 */
export function soundnessFindings(workflow: CompiledWorkflow): Finding[] {
  return [...workflow.starts].flatMap(([scope, starts]) => {
    const isDeclared = starts.some(({ draft }) => draft.type === 'start');
    const beginnings = isDeclared ? starts.map((start) => [start]) : [starts];
    return beginnings.flatMap((nodes) => findingsOf(explore(workflow, nodes), workflow, scope));
  });
}

function explore(workflow: CompiledWorkflow, starts: readonly CompiledNode[]): Exploration {
  const first: Marking = new Map(starts.map(({ id }) => [startFlow(id), 1]));
  const seen = new Set([keyOf(first)]);
  const waiting = [first];
  const found: Exploration = {
    stuck: new Set(),
    piling: new Set(),
    fired: new Set(),
    canEnd: false,
    isComplete: true,
  };
  for (let marking = waiting.pop(); marking; marking = waiting.pop())
    for (const next of successors(workflow, marking, found)) {
      const key = keyOf(next);
      if (seen.has(key)) continue;
      if (seen.size >= MOST_MARKINGS) found.isComplete = false;
      else {
        seen.add(key);
        waiting.push(next);
      }
    }
  return found;
}

const startFlow = (node: string): string => `>${node}`;

const keyOf = (marking: Marking): string =>
  [...marking]
    .map(([flow, count]) => `${flow}*${count}`)
    .sort()
    .join(' ');

function successors(workflow: CompiledWorkflow, marking: Marking, found: Exploration): Marking[] {
  const nodes = [...workflow.nodes.values()];
  for (const node of byUrgency(nodes)) {
    const rest = taken(workflow, node, marking);
    if (!rest) continue;
    found.fired.add(node.id);
    return endings(node).map((flows) => put(rest, flows, node, found));
  }
  const stuck = nodes.filter((node) => isStuck(node, marking));
  for (const { id } of stuck) found.stuck.add(id);
  if (stuck.length === 0) found.canEnd = true;
  return [];
}

/** Joins of n come late, so that their rounds are whole, and synchronizing merges last. */
const byUrgency = (nodes: readonly CompiledNode[]): CompiledNode[] =>
  [['each', 'all'], ['n'], ['sync']].flatMap((modes) =>
    nodes.filter(({ join }) => modes.includes(join.mode)),
  );

/** Whether a join has some of its tokens, where nothing moves any more. */
const isStuck = (node: CompiledNode, marking: Marking): boolean =>
  node.join.mode !== 'each' && arrivals(node, marking) > 0;

const arrivals = (node: CompiledNode, marking: Marking): number =>
  node.incoming.filter(({ key }) => marking.has(key)).length;

/** The marking without what a node takes to begin, or undefined when it cannot. */
function taken(
  workflow: CompiledWorkflow,
  node: CompiledNode,
  marking: Marking,
): Marking | undefined {
  const keys = [startFlow(node.id), ...node.incoming.map(({ key }) => key)];
  const present = keys.filter((key) => marking.has(key));
  const [first] = present;
  if (first === undefined) return undefined;
  switch (node.join.mode) {
    case 'each':
      return without(marking, [first]);
    case 'all':
      return present.length < node.incoming.length ? undefined : without(marking, present);
    case 'n':
      // A whole round is taken at once, which leaves nothing behind that could block the next one.
      return present.length < node.join.n ? undefined : without(marking, present);
    case 'sync':
      return isExpected(node, workflow, marking) ? undefined : without(marking, present);
  }
}

/** Whether some token can still come to a synchronizing merge. */
function isExpected(node: CompiledNode, workflow: CompiledWorkflow, marking: Marking): boolean {
  for (const id of node.join.upstream) {
    const before = workflow.nodes.get(id);
    if (!before) continue;
    if (marking.has(startFlow(id)) || arrivals(before, marking) > 0) return true;
  }
  return false;
}

function without(marking: Marking, keys: readonly string[]): Marking {
  const rest = new Map(marking);
  for (const key of keys) {
    const count = (rest.get(key) ?? 0) - 1;
    if (count > 0) rest.set(key, count);
    else rest.delete(key);
  }
  return rest;
}

/** Every set of flows that may be taken when a node is done. */
function endings(node: CompiledNode): readonly (readonly CompiledFlow[])[] {
  const own = node.outcomes.flatMap((outcome) => choices(node.outgoing.get(outcome)));
  const events = node.on.flatMap(({ outcome, interrupting }) => {
    const flows = node.outgoing.get(outcome)?.flows ?? [];
    return interrupting ? [flows] : own.map((chosen) => [...chosen, ...flows]);
  });
  return [...own, ...events];
}

function choices(outgoing: Outgoing | undefined): readonly (readonly CompiledFlow[])[] {
  if (!outgoing || outgoing.flows.length === 0) return [[]];
  const { flows, split } = outgoing;
  if (split === 'all') return [flows];
  const single = flows.map((flow) => [flow]);
  return split === 'many' && flows.length > 1 ? [...single, ...pairs(flows), flows] : single;
}

/** All subsets of many flows are too many; singles, pairs and the whole show what can go wrong. */
const pairs = (flows: readonly CompiledFlow[]): CompiledFlow[][] =>
  flows.flatMap((a, i) => flows.slice(i + 1).map((b) => [a, b]));

function put(
  rest: Marking,
  flows: readonly CompiledFlow[],
  node: CompiledNode,
  found: Exploration,
): Marking {
  if (node.draft.type === 'end' && (node.draft.terminate || node.draft.error)) return new Map();
  const next = new Map(rest);
  for (const { key, to } of flows) {
    const count = (next.get(key) ?? 0) + 1;
    if (count > MOST_TOKENS) found.piling.add(to.id);
    else next.set(key, count);
  }
  return next;
}

function findingsOf(found: Exploration, workflow: CompiledWorkflow, scope: string): Finding[] {
  const severity = found.canEnd || !found.isComplete ? 'warning' : 'error';
  const stuck = [...found.stuck].map(
    (node) =>
      ({
        code: 'can-deadlock',
        severity,
        node,
        message: `The join of ${node} can wait for ever: it wants more branches than may come, as after a choice. Use mode "each" to merge alternatives, or "sync" to wait only for branches that are on their way.`,
      }) as const,
  );
  const piling = [...found.piling].map((node) => ({
    code: 'tokens-pile-up',
    severity: 'warning' as const,
    node,
    message: `More and more tokens can come to ${node}: join the branches of a loop before it turns back.`,
  }));
  return [...stuck, ...piling, ...dead(found, workflow, scope)];
}

/** Joins that never have what they wait for; told only where one start leads everywhere. */
function dead(found: Exploration, workflow: CompiledWorkflow, scope: string): Finding[] {
  const starts = workflow.starts.get(scope) ?? [];
  const isOne = starts.filter(({ draft }) => draft.type === 'start').length <= 1;
  if (!found.isComplete || !isOne || found.piling.size > 0) return [];
  return [...workflow.nodes.values()]
    .filter(({ id, join, ...node }) => {
      const wantsSeveral = join.mode === 'all' || join.mode === 'n';
      return node.scope === scope && wantsSeveral && !found.fired.has(id);
    })
    .map(({ id }) => ({
      code: 'dead-node',
      severity: 'warning',
      node: id,
      message: `${id} can never begin: what its join waits for never comes together.`,
    }));
}

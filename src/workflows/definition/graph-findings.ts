import type { CompiledNode, CompiledWorkflow } from './compiled.js';
import type { Finding } from './findings.js';

/** What can be seen from the graph alone: nodes that nothing reaches, and loops that never wait. */
export function graphFindings(workflow: CompiledWorkflow): Finding[] {
  return [...unreachable(workflow), ...loopsWithoutWait(workflow)];
}

function unreachable({ nodes, starts }: CompiledWorkflow): Finding[] {
  const reached = new Set<CompiledNode>();
  const waiting = [...starts.values()].flat();
  for (const { draft } of nodes.values()) {
    const undoing = nodes.get(draft.compensate ?? '');
    if (undoing) waiting.push(undoing);
  }
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (reached.has(node)) continue;
    reached.add(node);
    for (const { flows } of node.outgoing.values()) waiting.push(...flows.map(({ to }) => to));
  }
  return [...nodes.values()]
    .filter((node) => !reached.has(node))
    .map(({ id }) => ({
      code: 'unreachable-node',
      severity: 'error',
      node: id,
      message: `Nothing leads to ${id}: add a flow to it, or remove it.`,
    }));
}

/** Nodes at which a token rests, so that a loop through them is no endless one. */
function rests({ work, each, milestone }: CompiledNode): boolean {
  if (each || milestone) return true;
  switch (work.does) {
    case 'pass':
    case 'set':
    case 'decide':
    case 'send':
    case 'throw':
      return false;
    default:
      return true;
  }
}

/** Strongly connected parts of the nodes that never rest; found by taking away what cannot be in a loop. */
function loopsWithoutWait({ nodes }: CompiledWorkflow): Finding[] {
  const left = new Set([...nodes.values()].filter((node) => !rests(node)));
  const follows = (node: CompiledNode): boolean =>
    [...node.outgoing.values()].some(({ flows }) => flows.some(({ to }) => left.has(to)));
  const precedes = (node: CompiledNode): boolean =>
    node.incoming.some(({ from }) => left.has(from));
  for (let before = -1; before !== left.size;) {
    before = left.size;
    for (const node of [...left]) if (!follows(node) || !precedes(node)) left.delete(node);
  }
  const [first] = left;
  if (!first) return [];
  const names = [...left].map(({ id }) => id).join(', ');
  return [
    {
      code: 'loop-without-wait',
      severity: 'warning',
      node: first.id,
      message: `A loop through ${names} never waits; should it not end by itself, it stops with an incident. Put a wait or a task into it, or make sure that it ends.`,
    },
  ];
}

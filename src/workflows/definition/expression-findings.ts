import type { NodeDraft, TimerSpec } from './draft.js';
import { expressionProblem } from './expression.js';
import { flowError, flowName, nodeError, type Check, type Finding } from './findings.js';
import { expressionsIn } from './template.js';
import { timerProblem } from './timer.js';

/** Fields of a node that are expressions without a leading "=". */
const BARE =
  /^(milestone|condition|each\.(items|count|complete_when)|on\.\d+\.condition|criteria\.\d+\.when|criterion\.when|table\.inputs\..*)$/;
const TIMER =
  /^(timer|due|on\.\d+\.timer|retry\.(delay|max_delay)|criteria\.\d+\.ttl|criterion\.ttl)$/;
/** Prose, in which "{{" means nothing. */
const PROSE = /^(id|name|description|type|kind)$/;

/** Whether every expression and every timer can be read at all, by node and field. */
export const expressionFindings: Check = ({ nodes, flows }) => [
  ...nodes.flatMap(inNode),
  ...flows.flatMap((flow) => {
    const problem = flow.when === undefined ? undefined : expressionProblem(flow.when);
    if (problem === undefined) return [];
    const message = `The condition of the flow ${flowName(flow)} cannot be read: ${problem}. Correct "when".`;
    return [flowError('broken-expression', flow, message)];
  }),
];

function inNode(node: NodeDraft): Finding[] {
  return leavesOf(node).flatMap(({ path, value }) => {
    if (PROSE.test(path)) return [];
    if (TIMER.test(path)) return inTimer(node, path, value as TimerSpec);
    if (typeof value !== 'string') return [];
    const sources = BARE.test(path) ? [value] : expressionsIn(value).map(({ source }) => source);
    return sources.flatMap((source) => broken(node, path, source));
  });
}

function broken(node: NodeDraft, path: string, source: string): Finding[] {
  const problem = expressionProblem(source);
  if (problem === undefined) return [];
  const message = `The expression in "${path}" of ${node.id} cannot be read: ${problem}. Correct ${source}`;
  return [nodeError('broken-expression', node, message)];
}

function inTimer(node: NodeDraft, path: string, spec: TimerSpec): Finding[] {
  if (typeof spec === 'string' && spec.startsWith('=')) return broken(node, path, spec);
  const problem = timerProblem(spec);
  if (problem === undefined) return [];
  const message = `"${path}" of ${node.id} is no time: ${problem}. Write a duration such as PT15M, an instant, or an expression.`;
  return [nodeError('broken-timer', node, message)];
}

interface Leaf {
  readonly path: string;
  readonly value: unknown;
}

/** Texts and numbers with their paths; a timer counts as one leaf, also where it is an object. */
function leavesOf(value: unknown, path = ''): Leaf[] {
  if (TIMER.test(path) || typeof value !== 'object' || value === null) return [{ path, value }];
  return Object.entries(value).flatMap(([key, item]) =>
    leavesOf(item, path === '' ? key : `${path}.${key}`),
  );
}

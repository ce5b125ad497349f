import { flowsOn, outcomesOf } from './compile.js';
import type { NodeDraft, WorkflowDraft } from './draft.js';
import { nodeError, nodeWarning, type Check, type Finding } from './findings.js';

type NodeCheck = (node: NodeDraft, draft: WorkflowDraft) => Finding[];

/** Whether each node says what it needs to, and nothing that contradicts itself. */
export const nodeFindings: Check = (draft) =>
  draft.nodes.flatMap((node) => CHECKS.flatMap((check) => check(node, draft)));

const given = (...values: readonly unknown[]): number =>
  values.filter((value) => value !== undefined).length;

const exactlyOne = (node: NodeDraft, count: number, choices: string): Finding[] =>
  count === 1
    ? []
    : [nodeError('one-of', node, `${node.id} needs exactly one of ${choices}, not ${count}.`)];

const triggers: NodeCheck = (node) => {
  if (node.type === 'wait') {
    const { timer, message, signal, condition, criteria } = node;
    const count = given(timer, message, signal, condition, criteria);
    return exactlyOne(node, count, 'timer, message, signal, condition and criteria');
  }
  if (node.type !== 'emit') return [];
  const { message, signal, error, escalation, compensation } = node;
  const count = given(message, signal, error, escalation, compensation);
  return exactlyOne(node, count, 'message, signal, error, escalation and compensation');
};

/** What may start an instance is read when a version is published, and only at the outermost starts. */
const startTriggers: NodeCheck = (node) => {
  if (node.type !== 'start') return [];
  const { message, timer, criterion } = node;
  const count = given(message, timer, criterion);
  if (count > 1) return exactlyOne(node, count, 'message, timer and criterion');
  if (count === 1 && node.in !== undefined) {
    const text = `${node.id} lies in ${node.in}, which begins when a token comes to it: leave out what should start it.`;
    return [nodeError('trigger-in-scope', node, text)];
  }
  return [message?.name, message?.key, criterion?.signal, criterion?.key, timer]
    .filter((value) => typeof value === 'string' && /^=|\{\{/.test(value))
    .map((value) => {
      const text = `Nothing runs before ${node.id}, so what starts it can be no expression: write a constant for ${JSON.stringify(value)}.`;
      return nodeError('trigger-not-constant', node, text);
    });
};

const boundaryEvents: NodeCheck = (node) =>
  (node.on ?? []).flatMap((event) => {
    const { timer, message, signal, condition, error, escalation, outcome } = event;
    const count = given(timer, message, signal, condition, error, escalation);
    const found = exactlyOne(
      node,
      count,
      `timer, message, signal, condition, error and escalation for its event "${outcome}"`,
    );
    if (!outcomesOf(node).includes(outcome)) return found;
    const text = `The event "${outcome}" of ${node.id} has the name of an outcome: give it one of its own.`;
    return [...found, nodeError('ambiguous-outcome', node, text)];
  });

const joins: NodeCheck = (node, { flows }) => {
  const { join } = node;
  if (!join) return [];
  const incoming = flows.filter(({ to }) => to === node.id).length;
  if (join.mode === 'n' && join.n === undefined)
    return [nodeError('join-without-n', node, `The join of ${node.id} lacks "n": say how many.`)];
  if (join.mode === 'n' && (join.n ?? 1) > incoming) {
    const text = `The join of ${node.id} waits for ${join.n ?? 1} of ${incoming} flows: lower "n", or add flows.`;
    return [nodeError('join-too-high', node, text)];
  }
  if (join.mode !== 'each' && incoming === 0)
    return [nodeError('join-of-nothing', node, `Nothing leads to the join of ${node.id}.`)];
  return [];
};

const repetition: NodeCheck = (node) => {
  if (!node.each) return [];
  if (given(node.each.items, node.each.count) === 1) return [];
  return exactlyOne(node, given(node.each.items, node.each.count), 'each.items and each.count');
};

const decisions: NodeCheck = (node) => {
  if (node.type !== 'task' || (node.kind === 'decision') === (node.table !== undefined)) return [];
  const text =
    node.kind === 'decision'
      ? `The decision ${node.id} lacks its "table".`
      : `${node.id} has a "table", which only tasks of kind decision use.`;
  return [nodeError('decision-table', node, text)];
};

/** Conditions that no split looks at mislead whoever reads them. */
const splits: NodeCheck = (node, { flows, nodes }) => {
  const own = flows.filter(({ from }) => from === node.id);
  if (node.split === 'event') return choices(node, nodes, new Set(own.map(({ to }) => to)));
  if (node.split === 'all' && own.some(({ when, otherwise }) => when !== undefined || otherwise))
    return [
      nodeError(
        'condition-ignored',
        node,
        `${node.id} takes all flows, so their conditions are not looked at: use split "many" or "one".`,
      ),
    ];
  return node.split === 'one' ? neverTaken(node, flows) : [];
};

function choices(node: NodeDraft, nodes: readonly NodeDraft[], to: ReadonlySet<string>): Finding[] {
  return nodes
    .filter(({ id, type, join }) => {
      const waits = type === 'wait' || type === 'task' || type === 'scope';
      return to.has(id) && (!waits || (join !== undefined && join.mode !== 'each'));
    })
    .map(({ id }) =>
      nodeError(
        'choice-without-wait',
        node,
        `${id} does not wait, so ${node.id} cannot leave the choice to events: put a wait or a task there.`,
      ),
    );
}

function neverTaken(node: NodeDraft, flows: WorkflowDraft['flows']): Finding[] {
  return outcomesOf(node).flatMap((outcome) => {
    const ordered = flowsOn(node, outcome, flows).filter(({ otherwise }) => !otherwise);
    const first = ordered.findIndex(({ when }) => when === undefined);
    if (first < 0 || first === flowsOn(node, outcome, flows).length - 1) return [];
    const text = `Only one flow follows "${outcome}" of ${node.id}, and the first without a condition is always it: add conditions, or set split to "all".`;
    return [nodeWarning('flow-never-taken', node, text)];
  });
}

const people: NodeCheck = (node, { roles }) => {
  if (node.type !== 'task' || node.kind !== 'human' || !roles) return [];
  const wanted = node.config?.['roles'];
  const named = Array.isArray(wanted) ? wanted : [];
  return named
    .filter((role) => typeof role === 'string')
    .filter((role) => !role.startsWith('=') && !roles.includes(role))
    .map((role) =>
      nodeError(
        'unknown-role',
        node,
        `${node.id} is for the role "${role}", which the workflow does not declare: add it to "roles".`,
      ),
    );
};

const CHECKS: readonly NodeCheck[] = [
  triggers,
  startTriggers,
  boundaryEvents,
  joins,
  repetition,
  decisions,
  splits,
  people,
];

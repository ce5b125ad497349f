import { flowsOn, outcomesOf } from './compile.js';
import type { NodeDraft, WorkflowDraft } from './draft.js';
import { flowError, flowName, nodeError, type Check, type Finding } from './findings.js';

/** Whether the graph hangs together: ids, flows, outcomes and scopes. */
export const structureFindings: Check = (draft) => [
  ...duplicates(draft),
  ...flowEnds(draft),
  ...flowOutcomes(draft),
  ...scopes(draft),
  ...starts(draft),
  ...outcomesWithoutFlow(draft),
  ...references(draft),
];

function duplicates({ nodes, flows }: WorkflowDraft): Finding[] {
  const again = (ids: readonly string[]): string[] => [
    ...new Set(ids.filter((id, i) => ids.indexOf(id) !== i)),
  ];
  return [
    ...again(nodes.map(({ id }) => id)).map((node): Finding => ({
      code: 'duplicate-node',
      severity: 'error',
      node,
      message: `There are several nodes ${node}: give each an id of its own.`,
    })),
    ...again(flows.map(flowName)).map((flow): Finding => ({
      code: 'duplicate-flow',
      severity: 'error',
      flow,
      message: `There are several flows ${flow}: remove all but one, or give each an id.`,
    })),
  ];
}

function flowEnds({ nodes, flows }: WorkflowDraft): Finding[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return flows.flatMap((flow) => {
    const [from, to] = [byId.get(flow.from), byId.get(flow.to)];
    if (!from || !to) {
      const missing = from ? flow.to : flow.from;
      const message = `The flow ${flowName(flow)} names the node ${missing}, which does not exist: add it, or change the flow.`;
      return [flowError('flow-to-nowhere', flow, message)];
    }
    return flowBetween(from, to).map((message) => flowError('impossible-flow', flow, message));
  });
}

function flowBetween(from: NodeDraft, to: NodeDraft): string[] {
  const problems: string[] = [];
  if ((from.in ?? '') !== (to.in ?? ''))
    problems.push(
      `${from.id} and ${to.id} lie in different scopes: lead the flow to or from the scope itself.`,
    );
  if (from.type === 'end') problems.push(`${from.id} is an end: nothing can follow it.`);
  if (to.type === 'start') problems.push(`${to.id} is a start: nothing can lead to it.`);
  return problems;
}

const boundaryOutcomes = (node: NodeDraft): string[] =>
  (node.on ?? []).map(({ outcome }) => outcome);

function flowOutcomes({ nodes, flows }: WorkflowDraft): Finding[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return flows.flatMap((flow) => {
    const node = byId.get(flow.from);
    if (!node || flow.on === undefined) return [];
    const known = [...outcomesOf(node), ...boundaryOutcomes(node)];
    if (!known.includes(flow.on)) {
      const message = `${node.id} has no outcome "${flow.on}": use one of ${known.join(', ')}, or add it to its outcomes.`;
      return [flowError('unknown-outcome', flow, message)];
    }
    const isEvent = boundaryOutcomes(node).includes(flow.on);
    if (!isEvent || (flow.when === undefined && !flow.otherwise)) return [];
    const message = `The event "${flow.on}" of ${node.id} takes all its flows: lead it to a gateway, and put the condition behind that.`;
    return [flowError('condition-after-event', flow, message)];
  });
}

function scopes({ nodes }: WorkflowDraft): Finding[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return nodes.flatMap((node) => {
    if (node.in === undefined) return [];
    const scope = byId.get(node.in);
    if (scope?.type !== 'scope' || scope.call)
      return [
        nodeError(
          'unknown-scope',
          node,
          `${node.id} lies in ${node.in}, which is no scope of this workflow: add the scope, or leave "in" out.`,
        ),
      ];
    const seen = new Set<string>();
    for (let at: NodeDraft | undefined = node; at; at = byId.get(at.in ?? '')) {
      if (seen.has(at.id))
        return [nodeError('scope-in-itself', node, `${node.id} lies in itself: change its "in".`)];
      seen.add(at.id);
    }
    return [];
  });
}

function starts({ nodes, flows }: WorkflowDraft): Finding[] {
  const targets = new Set(flows.map(({ to }) => to));
  const undoing = new Set(nodes.map(({ compensate }) => compensate));
  const outer = nodes.filter((node) => node.in === undefined);
  const begins = (node: NodeDraft): boolean =>
    node.type === 'start' || (!targets.has(node.id) && !undoing.has(node.id));
  if (outer.some(begins)) return [];
  const message = 'Nothing starts this workflow: add a node of type start and a flow from it.';
  return [{ code: 'no-start', severity: 'error', message }];
}

/** An end has no outcomes, a thrown error does not come back, and what undoes is followed by the next to undo. */
const hasNoFollower = (node: NodeDraft, undoing: ReadonlySet<string | undefined>): boolean =>
  node.type === 'end' ||
  (node.type === 'emit' && node.error !== undefined) ||
  undoing.has(node.id) ||
  node.final === true;

function outcomesWithoutFlow({ nodes, flows }: WorkflowDraft): Finding[] {
  const undoing = new Set(nodes.map(({ compensate }) => compensate));
  return nodes.flatMap((node) => {
    if (hasNoFollower(node, undoing)) return [];
    const final = Array.isArray(node.final) ? node.final : [];
    return [...outcomesOf(node), ...boundaryOutcomes(node)]
      .filter((outcome) => !final.includes(outcome) && flowsOn(node, outcome, flows).length === 0)
      .map((outcome) =>
        nodeError(
          'outcome-without-flow',
          node,
          `Nothing follows the outcome "${outcome}" of ${node.id}: add a flow, or declare it in "final".`,
        ),
      );
  });
}

function references({ nodes }: WorkflowDraft): Finding[] {
  const ids = new Set(nodes.map(({ id }) => id));
  return nodes.flatMap((node) => {
    const named = [
      ['compensate', node.compensate],
      ['milestone', typeof node.milestone === 'object' ? node.milestone.at : undefined],
      ...(node.cancels ?? []).map((id) => ['cancels', id] as const),
    ] as const;
    return named.flatMap(([field, id]) =>
      id === undefined || ids.has(id)
        ? []
        : [
            nodeError(
              'unknown-node',
              node,
              `"${field}" of ${node.id} names ${id}, which does not exist: add the node, or change the name.`,
            ),
          ],
    );
  });
}

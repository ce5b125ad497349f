import type { CompiledFlow, CompiledNode, Condition, Outgoing } from '../definition/compiled.js';
import type { Lookup } from '../definition/expression.js';
import type { Json, JsonObject } from '../definition/json.js';
import { arrive } from './joins.js';
import type { NodeCompleted } from './events.js';
import type { Run } from './run.js';
import type { Ending, Token } from './state.js';
import { disarm, passMutexOn, withdraw, withdrawInside } from './withdraw.js';

/**
 * Ends a token's stay at its node: variables are set, the flows of the outcome are chosen, what was armed is ended,
 * and tokens go over those flows. All expressions are computed before anything happens: if one fails, the ending is
 * kept with an incident, and a retry goes on from there.
 */
export function finish(run: Run, id: number, ending: Ending): void {
  const token = run.state.tokens.get(id);
  if (!token) return; // withdrawn by something that was done meanwhile
  run.guard(token, () => leave(run, token, ending), ending);
}

function leave(run: Run, token: Token, ending: Ending): void {
  const node = run.node(token);
  const variables = outputOf(run, token, node, ending);
  const goesOn = token.index === undefined && !token.each?.passed;
  const flows = goesOn ? chooseFlows(run, token, ending, variables) : [];
  if (!flows) {
    const message = `After the outcome "${ending.outcome}" no flow of ${node.id} holds: change the variables, add a flow, or declare the outcome final`;
    run.stick(token, 'no-flow', message, ending);
    return;
  }
  withdrawInside(run, token);
  disarm(run, token);
  withdrawOthers(run, token, node);
  run.record(completed(token, node, ending, variables));
  follow(run, flows, token.scope, node.outgoing.get(ending.outcome)?.split);
  passMutexOn(run, token.mutex);
  const scope = run.state.tokens.get(token.scope);
  if (scope && (scope.live === 0 || scope.each)) run.queue({ do: 'close', token: scope.id });
}

function completed(
  token: Token,
  node: CompiledNode,
  { outcome, result }: Ending,
  variables: JsonObject | undefined,
): NodeCompleted {
  const { compensate } = node.draft;
  const undo = token.index === undefined ? compensate : undefined;
  const ends = node.draft.type === 'end' ? node.draft.outcome : undefined;
  const isKept = token.index !== undefined && !node.output && result !== null;
  return {
    type: 'node_completed',
    token: token.id,
    node: node.id,
    outcome,
    ...(token.each && { whole: true }),
    ...(variables && { variables }),
    ...(isKept && { result }),
    ...(undo !== undefined && { undo }),
    ...(ends !== undefined && { ends }),
  };
}

/** The variables that an ending sets. Throws ExpressionError. */
function outputOf(
  run: Run,
  token: Token,
  node: CompiledNode,
  { outcome, result }: Ending,
): JsonObject | undefined {
  if (token.each) return token.each.results && { [node.id]: token.each.results };
  if (node.output && node.outcomes.includes(outcome)) {
    const names = run.names(token, { result, outcome });
    return Object.fromEntries(node.output.map(([name, compute]) => [name, compute(names)]));
  }
  if (result === null || (token.index !== undefined && node.work.does !== 'set')) return undefined;
  return node.work.does === 'set' ? (result as JsonObject) : { [node.id]: result };
}

/** The flows to take; undefined when there are some and none of them holds. Throws ExpressionError. */
function chooseFlows(
  run: Run,
  token: Token,
  { outcome, result }: Ending,
  variables: JsonObject | undefined,
): readonly CompiledFlow[] | undefined {
  const node = run.node(token);
  const outgoing = node.outgoing.get(outcome);
  if (!outgoing || outgoing.flows.length === 0) return [];
  if (outgoing.split === 'all' || outgoing.split === 'event') return outgoing.flows;
  const chosen = holding(outgoing, run.names(token, { ...variables, result, outcome }));
  if (chosen.length > 0) return chosen;
  const { final } = node.draft;
  return final === true || final?.includes(outcome) ? [] : undefined;
}

/** A default flow is the last one, and holds when no other one has. */
function holding({ split, flows }: Outgoing, names: Lookup): readonly CompiledFlow[] {
  const holds = (when: Condition | undefined): boolean => when === undefined || when(names);
  if (split === 'one') return flows.filter(firstThat(({ when }) => holds(when)));
  const held = flows.filter(({ when, otherwise }) => !otherwise && holds(when));
  return held.length > 0 ? held : flows.filter(({ otherwise }) => otherwise);
}

function firstThat(holds: (flow: CompiledFlow) => boolean): (flow: CompiledFlow) => boolean {
  let found = false;
  return (flow) => !found && (found = holds(flow));
}

/** Puts a token on each flow; those of a deferred choice know each other. */
export function follow(
  run: Run,
  flows: readonly CompiledFlow[],
  scope: number,
  split: Outgoing['split'] | undefined,
): void {
  const race = split === 'event' ? { first: run.state.next, count: flows.length } : undefined;
  for (const flow of flows) arrive(run, flow, scope, race);
}

/** The losers of a deferred choice, and the nodes that this one cancels. */
function withdrawOthers(run: Run, token: Token, node: CompiledNode): void {
  const { race, id, scope } = token;
  if (race) {
    const rivals = Array.from({ length: race.count }, (_, i) => race.first + i);
    withdraw(
      run,
      rivals.flatMap((rival) => (rival === id ? [] : (run.state.tokens.get(rival) ?? []))),
    );
  }
  const { cancels } = node.draft;
  if (!cancels) return;
  const region = [...run.state.tokens.values()].filter(
    (other) => other.scope === scope && other.id !== id && cancels.includes(other.node),
  );
  withdraw(run, region);
  for (const name of Object.keys(run.token(scope).joins ?? {}))
    if (cancels.includes(name)) run.record({ type: 'join_changed', scope, node: name, join: null });
}

/** Goes on while tokens inside are left behind. Throws ExpressionError before anything happens. */
export function passOn(run: Run, token: Token, outcome: string, result: Json): void {
  const node = run.node(token);
  const variables = outputOf(run, token, node, { outcome, result });
  const flows = chooseFlows(run, token, { outcome, result }, variables) ?? [];
  withdrawOthers(run, token, node);
  run.record({ type: 'each_passed', token: token.id, ...(variables && { variables }) });
  follow(run, flows, token.scope, node.outgoing.get(outcome)?.split);
}

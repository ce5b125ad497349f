import type { CompiledFlow, CompiledNode } from '../definition/compiled.js';
import type { Run } from './run.js';
import type { JoinState, Race } from './state.js';
import { withdraw } from './withdraw.js';

/** Takes a token over a flow, to the node behind it or into the join before that node. */
export function arrive(run: Run, flow: CompiledFlow, scope: number, race?: Race): void {
  const node = flow.to;
  if (node.join.mode === 'each') {
    run.add(node, scope, race);
    return;
  }
  const before = run.token(scope).joins?.[node.id] ?? NOTHING;
  const count = before.arrived[flow.key] ?? 0;
  // A branch that has already come in this round comes too often; only `absorb` lets it vanish.
  const { mode, rest } = node.join;
  if (mode === 'n' && rest === 'absorb' && count > 0) return;
  const arrived = { ...before.arrived, [flow.key]: count + 1 };
  settleRound(run, node, scope, { ...before, arrived });
}

const NOTHING: JoinState = { arrived: {} };

/** Lets a join go on as often as what has arrived allows, and stores what is left. */
function settleRound(run: Run, node: CompiledNode, scope: number, start: JoinState): void {
  let join: JoinState | null = start;
  let times = 0;
  for (let next = advance(node, join); next; next = advance(node, join)) {
    join = next.join;
    times += next.goesOn ? 1 : 0;
    if (join === null) break;
  }
  run.record({ type: 'join_changed', scope, node: node.id, join });
  if (times > 0 && node.join.rest === 'cancel') cancelRest(run, node, scope);
  for (; times > 0; times -= 1) run.add(node, scope);
}

interface Advance {
  readonly join: JoinState | null;
  readonly goesOn: boolean;
}

function advance(node: CompiledNode, { arrived, fired }: JoinState): Advance | undefined {
  const { mode, n, rest } = node.join;
  const different = Object.keys(arrived).length;
  if (mode === 'sync') return undefined;
  if (mode === 'n' && !fired) {
    if (different < n) return undefined;
    return { join: rest === 'cancel' ? null : { arrived, fired: true }, goesOn: true };
  }
  if (different < node.incoming.length) return undefined;
  return { join: nextRound(arrived), goesOn: mode === 'all' };
}

/** One token of each flow is used up; null when none is left. */
function nextRound(arrived: JoinState['arrived']): JoinState | null {
  const left = Object.entries(arrived).flatMap(([flow, count]) =>
    count > 1 ? [[flow, count - 1] as const] : [],
  );
  return left.length === 0 ? null : { arrived: Object.fromEntries(left) };
}

/** The cancelling discriminator: what could still come to this join is withdrawn. */
function cancelRest(run: Run, node: CompiledNode, scope: number): void {
  const { upstream } = node.join;
  const late = [...run.state.tokens.values()].filter(
    (token) => token.scope === scope && upstream.has(token.node),
  );
  withdraw(run, late);
  for (const other of Object.keys(run.token(scope).joins ?? {}))
    if (upstream.has(other)) run.record({ type: 'join_changed', scope, node: other, join: null });
}

/**
 * The general synchronizing merge: lets the joins go on that no token at rest can still reach. Of joins that wait for
 * each other the first of the definition goes on. True if one did. To be asked when nothing moves any more.
 */
export function releaseSyncJoins(run: Run): boolean {
  if (!run.workflow.hasSync) return false;
  for (const scope of run.state.tokens.values())
    for (const id of Object.keys(scope.joins ?? {})) {
      const node = run.nodeNamed(id);
      if (node.join.mode !== 'sync' || isExpected(run, node, scope.id)) continue;
      run.record({ type: 'join_changed', scope: scope.id, node: id, join: null });
      run.add(node, scope.id);
      return true;
    }
  return false;
}

function isExpected(run: Run, node: CompiledNode, scope: number): boolean {
  const { upstream } = node.join;
  for (const other of joinsOf(run, scope))
    if (upstream.has(other.id) && goesFirst(other, node)) return true;
  for (const token of run.state.tokens.values())
    if (token.scope === scope && upstream.has(token.node) && !token.each?.passed) return true;
  return false;
}

/** Joins that hold tokens; one that has gone on already and only counts its stragglers holds none. */
function joinsOf(run: Run, scope: number): CompiledNode[] {
  const joins = Object.entries(run.token(scope).joins ?? {});
  return joins.flatMap(([id, { fired }]) => (fired ? [] : [run.nodeNamed(id)]));
}

/** Of two merges that wait for each other, the first of the definition goes on. */
function goesFirst(other: CompiledNode, node: CompiledNode): boolean {
  if (other === node) return false;
  const isMutual = other.join.mode === 'sync' && other.join.upstream.has(node.id);
  return !isMutual || other.index < node.index;
}

/** The first join of a scope that has some of its tokens, and can never have the others. */
export function stuckJoin(run: Run, scope: number): string | undefined {
  return joinsOf(run, scope).find(({ join }) => join.mode !== 'sync')?.id;
}

/** Whether a synchronizing merge of this scope is still to be asked. */
export function hasSyncWaiting(run: Run, scope: number): boolean {
  return joinsOf(run, scope).some(({ join }) => join.mode === 'sync');
}

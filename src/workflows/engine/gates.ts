import type { Run } from './run.js';
import { NOBODY, type Token } from './state.js';
import { passMutexOn } from './withdraw.js';

/** Whether a token may begin at its node; if not, it is blocked until the milestone or the mutex lets it. */
export function mayBegin(run: Run, token: Token): boolean {
  if (token.index !== undefined) return true; // what holds for the whole has been seen to
  const node = run.node(token);
  if (!milestoneHolds(run, token)) {
    block(run, token);
    return false;
  }
  const { mutex } = node.draft;
  if (mutex === undefined) return true;
  const holder = run.state.mutexes[mutex]?.holder ?? NOBODY;
  if (holder === token.id) return true;
  if (holder === NOBODY) {
    run.record({ type: 'mutex_taken', token: token.id, mutex });
    return true;
  }
  run.record({ type: 'token_blocked', token: token.id, node: node.id, mutex });
  return false;
}

/** Until the milestone holds; a mutex is for others meanwhile. */
function block(run: Run, token: Token): void {
  const { mutex } = token;
  run.record({ type: 'token_blocked', token: token.id, node: token.node });
  passMutexOn(run, mutex);
}

/** Throws ExpressionError. */
function milestoneHolds(run: Run, token: Token): boolean {
  const { milestone } = run.node(token);
  if (!milestone) return true;
  if ('holds' in milestone) return milestone.holds(run.names(token));
  for (const { node, status } of run.state.tokens.values())
    if (node === milestone.at && status === 'waiting') return true;
  return false;
}

/** What a milestone enables and disables: blocked tokens begin, and work that was offered is taken back. */
export function followMilestone(run: Run, token: Token): boolean {
  if (!run.node(token).milestone || token.index !== undefined) return false;
  const isBlocked = token.status === 'blocked' && token.mutex === undefined;
  const isOffered = token.status === 'waiting' && token.live === 0;
  if (!isBlocked && !isOffered) return false;
  if (milestoneHolds(run, token) === isOffered) return false;
  if (isBlocked) {
    run.record({ type: 'token_released', token: token.id });
    run.queue({ do: 'step', token: token.id });
    return true;
  }
  run.cancelWork(token);
  block(run, token);
  return true;
}

import { trigger } from './boundary.js';
import { boundarySlot } from './activate.js';
import { reconsiderCriteria } from './criteria.js';
import { tally } from './each.js';
import { endInstance } from './end.js';
import { finish } from './finish.js';
import { followMilestone } from './gates.js';
import { hasSyncWaiting, releaseSyncJoins, stuckJoin } from './joins.js';
import type { Move, Run } from './run.js';
import { step } from './step.js';
import { ROOT, type Token } from './state.js';
import { undoNext } from './undo.js';

/**
 * The token game: does what there is to do until everything waits. A loop and not a recursion, so that neither depth
 * nor length of a process can exhaust the stack.
 */
export function play(run: Run): void {
  do {
    for (let move = run.nextMove(); move; move = run.nextMove()) perform(run, move);
  } while (run.state.status === 'running' && (holdConditions(run) || releaseSyncJoins(run)));
  if (run.workflow.hasSync) reportStuckMerges(run);
}

function perform(run: Run, move: Move): void {
  switch (move.do) {
    case 'step':
      step(run, move.token);
      break;
    case 'finish':
      finish(run, move.token, move.ending);
      break;
    case 'close':
      close(run, move.token);
      break;
  }
}

/** Something that lay in a token is gone; what that means depends on what the token waits for. */
function close(run: Run, id: number): void {
  const token = run.state.tokens.get(id);
  if (token?.status !== 'waiting') return;
  if (token.wait?.for === 'each') tally(run, token);
  else if (token.live > 0) return;
  else if (token.wait?.for === 'undo') undoNext(run, token);
  else if (token.wait?.for === 'tokens') closeScope(run, token);
}

/** Nothing moves in a scope any more: it is done, or a join waits for what cannot come. */
function closeScope(run: Run, token: Token): void {
  if (hasSyncWaiting(run, token.id)) return; // asked when all else rests
  const join = stuckJoin(run, token.id);
  if (join !== undefined) {
    reportDeadlock(run, token, join);
    return;
  }
  if (token.id === ROOT) {
    endInstance(run, 'completed', token.outcome ?? 'done');
    return;
  }
  const { outcomes } = run.node(token);
  const [first = 'done'] = outcomes;
  const { outcome = first } = token;
  run.finish(token, outcomes.includes(outcome) ? outcome : first, null);
}

function reportDeadlock(run: Run, scope: Token, join: string): void {
  const message = `The join ${join} waits for branches that cannot come any more: move a token there, or let the branches meet in a join of mode "sync" or "each"`;
  run.stick(scope, 'deadlock', message);
}

/** A synchronizing merge that still waits when nothing moves does so for a token in a join that never goes on. */
function reportStuckMerges(run: Run): void {
  for (const token of run.state.tokens.values()) {
    if (token.status !== 'waiting' || token.live > 0 || !hasSyncWaiting(run, token.id)) continue;
    const join = stuckJoin(run, token.id);
    if (join !== undefined) reportDeadlock(run, token, join);
  }
}

/** Looks at conditions and milestones, which no event announces. True if one has let something happen. */
function holdConditions(run: Run): boolean {
  if (!run.workflow.hasConditions) return false;
  for (const token of run.state.tokens.values())
    if (token.id !== ROOT && holdsFor(run, token)) return true;
  return false;
}

function holdsFor(run: Run, token: Token): boolean {
  const before = run.events.length;
  run.guard(token, () => {
    if (followMilestone(run, token)) return;
    if (token.status !== 'waiting') return;
    endWait(run, token);
    holdBoundary(run, token);
  });
  return run.hasMoves || run.events.length > before;
}

function endWait(run: Run, token: Token): void {
  const { work, outcomes } = run.node(token);
  if (work.does === 'condition' && token.wait?.for === 'condition' && work.holds(run.names(token)))
    run.finish(token, outcomes[0] ?? 'done', null);
}

/** A condition on the boundary happens once for each stay at the node. */
function holdBoundary(run: Run, token: Token): void {
  if (token.index !== undefined) return;
  for (const [i, event] of run.node(token).on.entries()) {
    const boundary = boundarySlot(i);
    if (!event.condition || token.fired?.[boundary] !== undefined) continue;
    if (!event.condition(run.names(token))) continue;
    run.record({ type: 'condition_held', token: token.id, boundary });
    trigger(run, token, event, null);
    return;
  }
}

/** Lets everything that measures by config or variables look again. */
export function reconsider(run: Run): void {
  for (const token of [...run.state.tokens.values()])
    if (token.wait?.for === 'criteria') reconsiderCriteria(run, token);
}

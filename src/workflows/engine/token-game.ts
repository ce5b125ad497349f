import { trigger } from './boundary.js';
import { boundarySlot } from './activate.js';
import { reconsiderCriteria } from './criteria.js';
import { tally } from './each.js';
import { endInstance } from './end.js';
import { finish } from './finish.js';
import { followMilestone } from './gates.js';
import { hasSyncWaiting, releaseSyncJoins, stuckJoin } from './joins.js';
import type { Job, Run } from './run.js';
import { step } from './step.js';
import { ROOT, type Token } from './state.js';
import { undoNext } from './undo.js';

/**
 * The token game: does what there is to do until everything waits. A loop and not a recursion, so that neither depth
 * nor length of a process can exhaust the stack.
 */
export function play(run: Run): void {
  do {
    for (let job = run.nextJob(); job; job = run.nextJob()) perform(run, job);
  } while (run.state.status === 'running' && (holdConditions(run) || releaseSyncJoins(run)));
  if (run.workflow.hasSync) reportStuckMerges(run);
}

function perform(run: Run, job: Job): void {
  switch (job.do) {
    case 'step':
      step(run, job.token);
      break;
    case 'finish':
      finish(run, job.token, job.ending);
      break;
    case 'close':
      close(run, job.token);
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
  let happened = false;
  run.guard(token, () => {
    happened = followMilestone(run, token) || waitIsOver(run, token) || boundaryHolds(run, token);
  });
  return happened || run.events.length > before;
}

function waitIsOver(run: Run, token: Token): boolean {
  const { work, outcomes } = run.node(token);
  if (work.does !== 'condition' || token.wait?.for !== 'condition' || token.status !== 'waiting')
    return false;
  if (!work.holds(run.names(token))) return false;
  run.finish(token, outcomes[0] ?? 'done', null);
  return true;
}

/** A condition on the boundary happens once for each stay at the node. */
function boundaryHolds(run: Run, token: Token): boolean {
  if (token.status !== 'waiting' || token.index !== undefined) return false;
  const { on } = run.node(token);
  const index = on.findIndex(
    ({ condition }, i) =>
      condition !== undefined &&
      token.fired?.[boundarySlot(i)] === undefined &&
      condition(run.names(token)),
  );
  const event = on[index];
  if (!event) return false;
  run.record({ type: 'condition_held', token: token.id, boundary: boundarySlot(index) });
  trigger(run, token, event, null);
  return true;
}

/** Lets everything that measures by config or variables look again. */
export function reconsider(run: Run): void {
  for (const token of [...run.state.tokens.values()])
    if (token.wait?.for === 'criteria') reconsiderCriteria(run, token);
}

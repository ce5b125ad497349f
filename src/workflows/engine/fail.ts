import { compileTimer } from '../definition/timer.js';
import { caughtError } from './boundary.js';
import type { Run } from './run.js';
import type { Token } from './state.js';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retriable?: boolean;
}

/** A job has failed: another attempt, or whoever takes errors around, or an incident that people look at. */
export function failJob(run: Run, token: Token, { code, message, retriable }: Failure): void {
  const { retry } = run.node(token).draft;
  const { attempt = 1, attemptsBefore = 0 } = token;
  const failed = attempt - attemptsBefore;
  if (retry && retriable !== false && failed < retry.max_attempts) {
    const at = run.now + delayMs(retry, failed);
    const error = { code, message };
    run.record({ type: 'retry_scheduled', token: token.id, at, error });
    run.ask({ type: 'schedule_timer', token: token.id, timer: 'retry', at: new Date(at) });
    return;
  }
  if (!caughtError(run, token, { code, message })) run.stick(token, code, message);
}

/** Milliseconds before the next attempt, after this many have failed; exponential delays double. */
function delayMs(
  retry: {
    delay?: string | undefined;
    backoff?: string | undefined;
    max_delay?: string | undefined;
  },
  failed: number,
): number {
  const lengthMs = (duration: string): number => compileTimer(duration)(() => null, 0);
  const factor = retry.backoff === 'exponential' ? 2 ** Math.min(failed - 1, 30) : 1;
  return Math.min(lengthMs(retry.delay ?? 'PT1S') * factor, lengthMs(retry.max_delay ?? 'P1D'));
}

import { HttpException } from '@nestjs/common';
import { DomainError } from '../domain/domain-error.js';
import { sqlState } from '../persistence/postgres-errors.js';
import { RETRY_DELAYS_MS, type RetryDelayMs } from './broker.js';

/** What becomes of a message after its handler returned or threw. */
export type Verdict =
  | { readonly kind: 'ack'; readonly outcome: 'handled' | 'duplicate' | 'skipped' }
  | { readonly kind: 'retry'; readonly delayMs: RetryDelayMs; readonly error: string }
  | { readonly kind: 'dead-letter'; readonly reason: string }
  | { readonly kind: 'give-back' };

const DELAYS = { '1s': 1_000, '5s': 5_000, '30s': 30_000, '2m': 120_000, '10m': 600_000 } as const;

/** Thrown by a handler that wants the message again after the delay; attempts are counted as for any other error. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  constructor(
    readonly delay: keyof typeof DELAYS,
    why = 'the handler asked for another attempt',
  ) {
    super(why);
  }
}

/** Thrown by a handler for a message that will never succeed. */
export class DeadLetter extends Error {
  override readonly name = 'DeadLetter';
}

/** Thrown by a handler for a message that is none of its business: acknowledged, and what it wrote is rolled back. */
export class Skip extends Error {
  override readonly name = 'Skip';
}

/** Thrown by a handler of a process that is shutting down: left unsettled, the message goes to another process. */
export class GiveBack extends Error {
  override readonly name = 'GiveBack';
}

/** A message that cannot even be read, or that no route takes. */
export class UnreadableMessageError extends Error {
  override readonly name = 'UnreadableMessageError';
}

/**
 * Settlement on one screen: a request that is wrong in itself goes to the dead letters at once; anything else is
 * tried again after 1 s, 5 s, 30 s, 2 min, 10 min and then goes there too.
 */
export function verdictOf(error: unknown, attempt: number, maxAttempts: number): Verdict {
  if (error instanceof Skip) return { kind: 'ack', outcome: 'skipped' };
  if (error instanceof GiveBack) return { kind: 'give-back' };
  const message = describe(error);
  if (isPermanent(error)) return { kind: 'dead-letter', reason: message };
  if (attempt >= maxAttempts) {
    return { kind: 'dead-letter', reason: `gave up after ${String(attempt)} attempts: ${message}` };
  }
  const ladder =
    RETRY_DELAYS_MS[Math.min(attempt, RETRY_DELAYS_MS.length) - 1] ?? RETRY_DELAYS_MS[0];
  return {
    kind: 'retry',
    delayMs: error instanceof RetryLater ? DELAYS[error.delay] : ladder,
    error: message,
  };
}

/** SQLSTATE classes "data exception" and "integrity constraint violation": the same message fails the same way. */
const UNSTORABLE = /^2[23][0-9A-Z]{3}$/;

function isPermanent(error: unknown): boolean {
  if (error instanceof DeadLetter || error instanceof UnreadableMessageError) return true;
  if (error instanceof DomainError) return !error.passes;
  if (UNSTORABLE.test(sqlState(error) ?? '')) return true;
  return error instanceof HttpException && error.getStatus() < 500 && error.getStatus() !== 429;
}

function describe(error: unknown): string {
  if (error instanceof DomainError) {
    const fields = error.details.errors?.map(({ field, message }) => `${field}: ${message}`) ?? [];
    return [`${error.code}: ${error.message}`, ...fields].join('; ').slice(0, 1_000);
  }
  return (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(
    0,
    1_000,
  );
}

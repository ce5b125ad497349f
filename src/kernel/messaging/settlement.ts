import { HttpException } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { DomainError } from '../domain/domain-error.js';
import { DatabaseUnavailableError, sqlState } from '../persistence/postgres-errors.js';
import { RETRY_DELAYS_MS, type RetryDelayMs } from './broker.js';

/** What becomes of a message after its handler returned or threw. */
export type Verdict =
  | { readonly kind: 'ack'; readonly outcome: 'handled' | 'duplicate' | 'skipped' }
  | {
      readonly kind: 'retry';
      readonly delayMs: RetryDelayMs;
      readonly error: string;
      /** The message was not at fault, so it keeps its number of attempts. */
      readonly uncounted?: true;
    }
  | { readonly kind: 'dead-letter'; readonly reason: string }
  | { readonly kind: 'give-back' };

/** The delays between attempts, as a scope names them. */
export const DELAYS = {
  '1s': 1_000,
  '5s': 5_000,
  '30s': 30_000,
  '2m': 120_000,
  '10m': 600_000,
} as const satisfies Record<string, RetryDelayMs>;
export type Delay = keyof typeof DELAYS;

/**
 * Thrown by a handler that wants the message again after the delay. Attempts are counted as for any other error, unless
 * the handler says that it may go on so for as long as it takes.
 */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  constructor(
    readonly delay: Delay,
    why = 'the handler asked for another attempt',
    readonly counts = true,
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

/** Thrown by a handler of a process that is shutting down: the message goes to another process at once, as it came. */
export class GiveBack extends Error {
  override readonly name = 'GiveBack';
}

/** A message that cannot even be read, or that no route takes. */
export class UnreadableMessageError extends Error {
  override readonly name = 'UnreadableMessageError';
}

/**
 * Settlement on one screen: a request that is wrong in itself goes to the dead letters at once; anything else is
 * tried again after each delay of the ladder (1 s, 5 s, 30 s, 2 min, 10 min by default) and then goes there too.
 */
export function verdictOf(
  error: unknown,
  attempt: number,
  ladder: readonly RetryDelayMs[],
): Verdict {
  if (error instanceof Skip) return { kind: 'ack', outcome: 'skipped' };
  if (error instanceof GiveBack) return { kind: 'give-back' };
  const message = describe(error);
  if (isPermanent(error)) return { kind: 'dead-letter', reason: message };
  if (error instanceof RetryLater && !error.counts) {
    return { kind: 'retry', delayMs: DELAYS[error.delay], error: message, uncounted: true };
  }
  const delayMs = ladder[attempt - 1];
  if (delayMs === undefined) {
    return { kind: 'dead-letter', reason: `gave up after ${String(attempt)} attempts: ${message}` };
  }
  return {
    kind: 'retry',
    delayMs: error instanceof RetryLater ? DELAYS[error.delay] : delayMs,
    error: message,
  };
}

/** The message comes again although its last attempt has failed, because the fault lies outside of it. */
export function uncountedRetry(error: unknown): Verdict {
  return { kind: 'retry', delayMs: RETRY_DELAYS_MS[1], error: describe(error), uncounted: true };
}

/** Something that the handler needs is broken; neither a rule that the message breaks nor the handler's own wish. */
export function isInfrastructure(error: unknown): boolean {
  if (error instanceof DatabaseUnavailableError) return true;
  const wish =
    error instanceof RetryLater ||
    error instanceof Skip ||
    error instanceof GiveBack ||
    error instanceof DomainError;
  return !wish && !isPermanent(error);
}

/** What someone who waits for a reply hears about a message that went to the dead letters; no inner workings. */
export function errorAnswer(error: unknown): { error: { code: string; message: string } } {
  if (error instanceof DomainError) return answer(error.code, describe(error));
  if (error instanceof UnreadableMessageError) return answer('unreadable', error.message);
  if (error instanceof DeadLetter) return answer('rejected', error.message);
  if (error instanceof RpcException) return answer(codeOf(error) ?? 'rejected', error.message);
  if (error instanceof HttpException && isPermanent(error)) {
    return answer(`http-${String(error.getStatus())}`, error.message);
  }
  return answer('internal', 'The message could not be handled.');
}

function answer(code: string, message: string) {
  return { error: { code, message } };
}

function codeOf(error: RpcException): string | undefined {
  const said = error.getError();
  const code: unknown = typeof said === 'object' && 'code' in said ? said.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** SQLSTATE classes "data exception" and "integrity constraint violation": the same message fails the same way. */
const UNSTORABLE = /^2[23][0-9A-Z]{3}$/;

function isPermanent(error: unknown): boolean {
  if (error instanceof DeadLetter || error instanceof UnreadableMessageError) return true;
  if (error instanceof RpcException) return true;
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

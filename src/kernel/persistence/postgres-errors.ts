import { QueryFailedError } from 'typeorm';
import { DomainError } from '../domain/domain-error.js';

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK_DETECTED = '40P01';

/** The five-letter SQLSTATE of a failed statement, or undefined when the error is not Postgres's. */
export function sqlState(error: unknown): string | undefined {
  const cause: unknown = error instanceof QueryFailedError ? error.driverError : error;
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}

/** True when Postgres rolled the transaction back and the same transaction may succeed if repeated. */
export function isTransient(error: unknown): boolean {
  const state = sqlState(error);
  return state === SERIALIZATION_FAILURE || state === DEADLOCK_DETECTED;
}

/** What was read without a lock has changed before it was written by. The Unit of Work is repeated, and reads anew. */
export class ChangedMeanwhile extends Error {
  override readonly name = 'ChangedMeanwhile';
  readonly code = SERIALIZATION_FAILURE;
}

/** No connection could be had: Postgres is away, or every connection of the pool is busy. Nothing was written. */
export class DatabaseUnavailableError extends DomainError {
  constructor(cause: unknown) {
    super('unavailable', 'database-unavailable', 'The database cannot be reached; try again.', {
      retryAfterSeconds: 1,
    });
    this.cause = cause;
  }
}

/**
 * True when a failed transaction certainly left nothing behind: Postgres itself refused a statement, or the
 * error is not the database's. After a lost connection the commit may have happened.
 */
export function certainlyRolledBack(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return !(error instanceof QueryFailedError);
  // A SQLSTATE has a digit; EPIPE is the socket's and tells nothing.
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(state) && !/^(08|53|57P)/.test(state);
}

import { Injectable } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { within } from '../observability/deadline.js';
import { Database } from '../persistence/database.js';
import { certainlyRolledBack, DatabaseUnavailableError } from '../persistence/postgres-errors.js';
import type { RetryDelayMs } from './broker.js';
import { uncountedRetry, type Verdict, verdictOf } from './settlement.js';

const PROBE_MS = 2_000;

/**
 * Says what becomes of a message whose handler failed. A database that is away is not the message's fault, so such an
 * attempt does not count, however long it lasts. But a message can also break its connection itself (a transaction left
 * idle for too long, a query that kills its server): that counts, so the database is asked whether it is there.
 */
@Injectable()
export class MessageJudge {
  #asking: Promise<boolean> | undefined;

  constructor(private readonly database: Database) {}

  async verdict(
    error: unknown,
    attempt: number,
    ladder: readonly RetryDelayMs[],
  ): Promise<Verdict> {
    const isAway = await this.isDatabaseAway(error);
    return isAway ? uncountedRetry(error) : verdictOf(error, attempt, ladder);
  }

  /** True when the error is about the connection to Postgres, and Postgres does not answer now either. */
  async isDatabaseAway(error: unknown): Promise<boolean> {
    if (!isAboutTheConnection(error)) return false;
    this.#asking ??= this.#isSilent().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #isSilent(): Promise<boolean> {
    const answer = within(PROBE_MS, () => this.database.query('select 1'));
    return answer.then(
      () => false,
      () => true,
    );
  }
}

function isAboutTheConnection(error: unknown): boolean {
  if (error instanceof DatabaseUnavailableError) return true;
  return error instanceof QueryFailedError && !certainlyRolledBack(error);
}

import { Injectable } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { Inbox } from '../inbox/inbox.js';
import { within } from '../observability/deadline.js';
import { Database } from '../persistence/database.js';
import { certainlyRolledBack, DatabaseUnavailableError } from '../persistence/postgres-errors.js';
import type { ServedScope } from './message-scopes.js';
import type { Arrival } from './message-settler.js';
import { uncountedRetry, type Verdict, verdictOf } from './settlement.js';

const PROBE_MS = 2_000;
const DUPLICATE: Verdict = { kind: 'ack', outcome: 'duplicate' };

/**
 * Says what becomes of a message whose handler failed. A database that is away is not the message's fault, so such an
 * attempt does not count, however long it lasts. But a message can also break its connection itself (a transaction left
 * idle for too long, a query that kills its server): that counts, so the database is asked whether it is there.
 *
 * An attempt whose answer was lost may have been committed. So before a message that came so far is called dead, the
 * inbox is asked: what had its effect is acknowledged.
 */
@Injectable()
export class MessageJudge {
  #asking: Promise<boolean> | undefined;

  constructor(
    private readonly database: Database,
    private readonly inbox: Inbox,
  ) {}

  async verdict(
    error: unknown,
    { delivery, attempt }: Pick<Arrival, 'delivery' | 'attempt'>,
    { name, retry }: Pick<ServedScope, 'name' | 'retry'>,
  ): Promise<Verdict> {
    if (await this.isDatabaseAway(error)) return uncountedRetry(error);
    const verdict = verdictOf(error, attempt, retry);
    const mayBeDone = attempt > 1 || isAboutTheConnection(error);
    if (verdict.kind !== 'dead-letter' || !mayBeDone) return verdict;
    try {
      return (await this.inbox.has(name, delivery.message.id)) ? DUPLICATE : verdict;
    } catch (unanswered) {
      return isAboutTheConnection(unanswered) ? uncountedRetry(unanswered) : verdict;
    }
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

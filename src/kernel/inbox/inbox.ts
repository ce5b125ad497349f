import { Injectable } from '@nestjs/common';
import { Database } from '../persistence/database.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';

/** Longer than the longest retry ladder plus a redrive by an operator. */
const WINDOW_DAYS = 7;

/**
 * Remembers which messages a consumer has handled, in the transaction of their effect: a message that comes
 * again within seven days has no second effect.
 */
@Injectable()
export class Inbox {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly database: Database,
  ) {}

  /**
   * True when the consumer sees this message for the first time. Call it first in the Unit of Work of the
   * effect; a concurrent duplicate waits here until the first one is committed or rolled back.
   */
  async accept(consumer: string, messageId: string): Promise<boolean> {
    const rows = await this.unitOfWork.insert(
      `insert into kernel.inbox (consumer, message_id) values ($1, $2) on conflict do nothing returning 1 as accepted`,
      [consumer, messageId],
    );
    return rows.length === 1;
  }

  /** Those that the consumer sees for the first time; as {@link accept} in all else. */
  async acceptMany(consumer: string, messageIds: readonly string[]): Promise<readonly string[]> {
    // In one order, so that two batches with messages in common wait for each other instead of deadlocking.
    const rows = await this.unitOfWork.insert<{ message_id: string }>(
      `insert into kernel.inbox (consumer, message_id)
       select $1, id from unnest($2::text[]) as id order by id
       on conflict do nothing returning message_id`,
      [consumer, messageIds],
    );
    return rows.map((row) => row.message_id);
  }

  /** True when the consumer's effect is committed; one that is being committed is waited for. */
  has(consumer: string, messageId: string): Promise<boolean> {
    return this.unitOfWork.run(async () => {
      const isNew = await this.accept(consumer, messageId);
      if (isNew) await this.forget(consumer, [messageId]);
      return !isNew;
    });
  }

  /** Takes back what was accepted in this Unit of Work and had no effect. */
  async forget(consumer: string, messageIds: readonly string[]): Promise<void> {
    await this.unitOfWork.query(
      `delete from kernel.inbox where consumer = $1 and message_id = any($2)`,
      [consumer, messageIds],
    );
  }

  /** Forgets at most `limit` messages older than the window; returns how many. */
  async purge(limit: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `with old as (
         delete from kernel.inbox where ctid = any(array(
           select ctid from kernel.inbox
           where received_at < now() - make_interval(days => $1) limit $2))
         returning 1)
       select count(*)::int as count from old`,
      [WINDOW_DAYS, limit],
    );
    return row?.count ?? 0;
  }
}

import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../../../kernel/persistence/database.js';
import { UnitOfWork } from '../../../kernel/persistence/unit-of-work.js';
import { SharedSets } from '../../../kernel/redis/shared-sets.js';

interface Subscription {
  readonly eventId: string;
  readonly ownerId: string;
}

const setOf = (eventId: string): string => `sub:event:${eventId}`;

/**
 * Who has bet on which event. Postgres knows it; where there is a Redis, its sets `sub:event:{id}` answer instead, and
 * are loaded again when they are lost. While Redis is away Postgres answers.
 */
@Injectable()
export class Subscriptions {
  readonly #logger = new Logger(Subscriptions.name);

  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly database: Database,
    private readonly sets: SharedSets,
  ) {}

  /** Adds to the index what the open Unit of Work has written, once it is committed. */
  add(subscriptions: readonly Subscription[]): void {
    if (!this.sets.areAvailable || subscriptions.length === 0) return;
    const byEvent = Map.groupBy(subscriptions, ({ eventId }) => eventId);
    const members = [...byEvent].map(
      ([eventId, all]) => [setOf(eventId), all.map(({ ownerId }) => ownerId)] as const,
    );
    this.unitOfWork.afterCommit(() => void this.sets.add(new Map(members)));
  }

  /** Which of the owners have bet on the event. */
  async among(eventId: string, owners: ReadonlySet<string>): Promise<string[]> {
    if (this.sets.areAvailable) {
      try {
        const all = await this.sets.members(setOf(eventId), () => this.#load(eventId));
        return all.filter((owner) => owners.has(owner));
      } catch (error) {
        this.#logger.debug({ err: error }, 'Redis does not answer; Postgres does');
      }
    }
    const rows = await this.database.query<{ owner_id: string }>(
      `select owner_id from bet_maker.subscription where event_id = $1 and owner_id = any($2)`,
      [eventId, [...owners]],
    );
    return rows.map((row) => row.owner_id);
  }

  async #load(eventId: string): Promise<string[]> {
    const rows = await this.database.query<{ owner_id: string }>(
      `select owner_id from bet_maker.subscription where event_id = $1`,
      [eventId],
    );
    return rows.map((row) => row.owner_id);
  }
}

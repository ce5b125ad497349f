import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../../../kernel/persistence/unit-of-work.js';
import { NotificationRepository } from '../updates/notification.repository.js';
import type { LineEvent } from './line.dto.js';

export interface ChangedEvent {
  readonly event: LineEvent;
  /** Versions between this one and the one known before have not arrived. */
  readonly hasGap: boolean;
}

/** The only code that writes events, in the open Unit of Work. */
@Injectable()
export class LineRepository {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly notifications: NotificationRepository,
  ) {}

  /**
   * Takes over what is newer than the known version of its event, and answers that. What ends an event waits for the
   * placements under way on it and lets none begin, until the commit. Lock order: events by the hash of their ids, then
   * their rows by id.
   */
  async apply(events: readonly LineEvent[], incarnation?: string): Promise<ChangedEvent[]> {
    const newest = newestOfEach(events);
    await lockEvents(
      this.unitOfWork,
      closings(events).map(({ id }) => id),
      'exclusive',
    );
    const known = await this.#versions(newest.map((event) => event.event_id));
    const changed = new Set(await this.#upsert(newest, incarnation));
    await this.#close(events);
    if (incarnation !== undefined) await this.#label(newest, incarnation);
    const applied = newest.filter((event) => changed.has(event.event_id));
    await this.notifications.tell(applied);
    return applied.map((event) => ({
      event,
      hasGap: incarnation === undefined && event.version > (known.get(event.event_id) ?? 0) + 1,
    }));
  }

  /** What a complete snapshot of a new incarnation did not hold takes no more bets. */
  async suspendForgotten(incarnation: string): Promise<void> {
    const forgotten = await this.unitOfWork.query<{ event_id: string }>(
      `select event_id from bet_maker.event
       where status = 'open' and incarnation <> $1`,
      [incarnation],
    );
    const ids = forgotten.map((row) => row.event_id);
    if (ids.length === 0) return;
    await lockEvents(this.unitOfWork, ids, 'exclusive');
    await this.unitOfWork.query(
      `update bet_maker.event set status = 'suspended'
       where event_id = any($1) and status = 'open' and incarnation <> $2`,
      [ids, incarnation],
    );
  }

  async #versions(ids: readonly string[]): Promise<Map<string, number>> {
    const rows = await this.unitOfWork.query<{ event_id: string; version: number }>(
      `select event_id, version from bet_maker.event where event_id = any($1)`,
      [ids],
    );
    return new Map(rows.map((row) => [row.event_id, row.version]));
  }

  async #upsert(events: readonly LineEvent[], incarnation?: string): Promise<string[]> {
    const rows = await this.unitOfWork.query<{ event_id: string }>(
      `insert into bet_maker.event as known (event_id, version, ratio, deadline, status, settlement, outcome, void_share,
         dead_heat, feed_version, changed_at, incarnation)
       select *, coalesce($12, (select feed.incarnation from bet_maker.feed))
       from unnest($1::text[], $2::int[], $3::int[], $4::timestamptz[], $5::text[], $6::int[], $7::text[], $8::smallint[],
                   $9::smallint[], $10::bigint[], $11::timestamptz[]) order by 1
       on conflict (event_id) do update set version = excluded.version, ratio = excluded.ratio,
         deadline = excluded.deadline, status = excluded.status, settlement = excluded.settlement,
         outcome = excluded.outcome, void_share = excluded.void_share, dead_heat = excluded.dead_heat,
         feed_version = excluded.feed_version, changed_at = excluded.changed_at, incarnation = excluded.incarnation
       where known.version < excluded.version or ($12::uuid is not null and known.incarnation <> $12::uuid)
       returning event_id`,
      [
        events.map((event) => event.event_id),
        events.map((event) => event.version),
        events.map((event) => event.ratio),
        events.map((event) => event.deadline),
        events.map((event) => event.status),
        events.map(({ result }) => result?.settlement ?? null),
        events.map(({ result }) => result?.outcome ?? null),
        events.map(({ result }) => result?.void_share ?? null),
        events.map(({ result }) => result?.dead_heat ?? null),
        events.map((event) => event.feed_version),
        events.map((event) => event.changed_at),
        incarnation ?? null,
      ],
    );
    // Placements lock this row to count on it, so it must be there before the first of them.
    await this.unitOfWork.query(
      `insert into bet_maker.exposure (event_id) select id from unnest($1::text[]) as id order by id on conflict do nothing`,
      [rows.map((row) => row.event_id)],
    );
    return rows.map((row) => row.event_id);
  }

  /** Old versions tell, too: the earliest one that was no longer open says when the event was closed. */
  async #close(events: readonly LineEvent[]): Promise<void> {
    const closed = closings(events);
    if (closed.length === 0) return;
    await this.unitOfWork.query(
      `update bet_maker.event set closed_at = closing.at
       from (select id, min(at) as at from unnest($1::text[], $2::timestamptz[]) as closing (id, at) group by id) as closing
       where event_id = id and (closed_at is null or closed_at > closing.at)`,
      [closed.map(({ id }) => id), closed.map(({ at }) => at)],
    );
  }

  /** Events that were heard of before their incarnation was known. */
  async #label(events: readonly LineEvent[], incarnation: string): Promise<void> {
    await this.unitOfWork.query(
      `update bet_maker.event set incarnation = $2 where event_id = any($1) and incarnation is null`,
      [events.map((event) => event.event_id), incarnation],
    );
  }
}

/** Keeps the advisory locks of events apart from those taken for other purposes. */
const LOCK_SEED = 2_005_401;

/**
 * Until the end of the transaction. Placements share the lock of an event, and what ends the event has it alone: so no bet
 * commits after that. Always in the order of the hashes, so that no two wait for each other.
 */
export async function lockEvents(
  unitOfWork: UnitOfWork,
  ids: readonly string[],
  mode: 'shared' | 'exclusive',
): Promise<void> {
  if (ids.length === 0) return;
  const lock = mode === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
  await unitOfWork.query(
    `with lock as materialized (
       select distinct hashtextextended(event_id, ${String(LOCK_SEED)}) as id from unnest($1::text[]) as event_id order by id)
     select count(${lock}(id)) from lock`,
    [ids],
  );
}

function newestOfEach(events: readonly LineEvent[]): LineEvent[] {
  const newest = new Map<string, LineEvent>();
  for (const event of events) {
    const other = newest.get(event.event_id);
    if (!other || other.version < event.version) newest.set(event.event_id, event);
  }
  return [...newest.values()];
}

function closings(events: readonly LineEvent[]): { id: string; at: string }[] {
  return events
    .filter(({ status }) => status === 'closed' || status === 'resulted' || status === 'voided')
    .map((event) => ({ id: event.event_id, at: event.changed_at }));
}

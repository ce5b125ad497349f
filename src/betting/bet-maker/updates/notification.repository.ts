import { Injectable } from '@nestjs/common';
import { Database } from '../../../kernel/persistence/database.js';
import { UnitOfWork } from '../../../kernel/persistence/unit-of-work.js';
import { Signals } from '../../../kernel/redis/signals.js';
import { formatRatio } from '../domain/money.js';
import type { LineEvent } from '../line/line.dto.js';

/** Raised after every commit that left notifications. */
export const UPDATES = 'bet-maker.updates';
const RETENTION = '7 days';

export interface Notification {
  /** The transaction that wrote it; with `id` its place in the order of all. */
  readonly tx: string;
  readonly id: string;
  /** Null: for all who have bet on the event. */
  readonly owner_id: string | null;
  readonly event_id: string;
  readonly kind: string;
  /** JSON. */
  readonly body: string;
}

/** A place between notifications: behind the last one that was seen. */
export interface Place {
  readonly tx: string;
  readonly id: string;
}

const COLUMNS = `tx::text, id, owner_id, event_id, kind, body::text`;

/**
 * Notifications are rows, read in the order of their transactions. A reader stops before the oldest transaction that is
 * still at work (the horizon), because that may yet leave rows in between.
 */
@Injectable()
export class NotificationRepository {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly database: Database,
    private readonly signals: Signals,
  ) {}

  /** Tells those who have bet on the events how these are now. */
  async tell(events: readonly LineEvent[]): Promise<void> {
    if (events.length === 0) return;
    const bodies = events.map(({ event_id, version, ratio, deadline, status }) =>
      JSON.stringify({ event_id, version, ratio: formatRatio(ratio), deadline, status }),
    );
    await this.unitOfWork.query(
      `insert into bet_maker.notification (event_id, kind, body)
       select told.event_id, 'event-changed', body::json from unnest($1::text[], $2::text[]) as told (event_id, body)
       where exists (select from bet_maker.subscription as one where one.event_id = told.event_id)`,
      [events.map((event) => event.event_id), bodies],
    );
    this.announce();
  }

  /** Wakes the processes that show notifications, once they are committed. */
  announce(): void {
    this.unitOfWork.afterCommit(() => {
      this.signals.raise(UPDATES);
    });
  }

  async horizon(): Promise<string> {
    const [row] = await this.database.query<{ horizon: string }>(
      `select pg_snapshot_xmin(pg_current_snapshot())::text as horizon`,
    );
    return row?.horizon ?? '0';
  }

  /** At most `limit` of those for one of the owners, or for all, from a place up to a horizon. */
  between(
    after: Place,
    horizon: string,
    owners: readonly string[],
    limit: number,
  ): Promise<Notification[]> {
    return this.database.query<Notification>(
      `select ${COLUMNS} from bet_maker.notification
       where (tx, id) > ($1::xid8, $2::bigint) and tx < $3::xid8 and (owner_id is null or owner_id = any($4))
       order by notification.tx, notification.id limit $5`,
      [after.tx, after.id, horizon, owners, limit],
    );
  }

  /** The same for one owner, who also hears of the events bet on. */
  missedBy(owner: string, after: Place, horizon: string, limit: number): Promise<Notification[]> {
    return this.database.query<Notification>(
      `select * from (
         (select ${COLUMNS} from bet_maker.notification
          where owner_id = $1 and (tx, id) > ($2::xid8, $3::bigint) and tx < $4::xid8
          order by notification.tx, notification.id limit $5)
         union all
         (select ${COLUMNS} from bet_maker.notification
          where owner_id is null and event_id in (select event_id from bet_maker.subscription where owner_id = $1)
            and (tx, id) > ($2::xid8, $3::bigint) and tx < $4::xid8
          order by notification.tx, notification.id limit $5)) as missed
       order by missed.tx::xid8, missed.id limit $5`,
      [owner, after.tx, after.id, horizon, limit],
    );
  }

  /** Forgets at most `limit` old ones, and says how many. */
  async purge(limit: number): Promise<number> {
    const rows = await this.database.query(
      `delete from bet_maker.notification where (tx, id) in (
         select tx, id from (
           select tx, id, created_at from bet_maker.notification order by tx, id limit $1) as oldest
         where created_at < now() - interval '${RETENTION}') returning 1`,
      [limit],
    );
    return rows.length;
  }
}

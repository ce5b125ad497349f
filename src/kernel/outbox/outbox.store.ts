import { Injectable } from '@nestjs/common';
import { Database } from '../persistence/database.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import type { OutboxRow } from './outbox-message.js';
import type { Horizon, ShardRead } from './read-floors.js';

const COLUMNS = 'shard, seq, id, key, exchange, routing_key, headers, payload, created_at';

/**
 * Rows by their places, found one by one. An outbox is empty when Postgres takes its statistics, more often than not, and
 * then a join would walk the whole index, with all that was deleted and is kept by an old snapshot.
 */
const AT_PLACES = `ctid = any(array(
  select found.ctid from unnest($1::smallint[], $2::bigint[]) as place (shard, seq)
  cross join lateral (
    select ctid from kernel.outbox where shard = place.shard and seq = place.seq limit 1
  ) as found))`;

/** Any number that nothing else in the database uses. */
const PROMOTION_LOCK = 7_263_402;

/** The relay's SQL. A relay calls it only for the shards that it owns. */
@Injectable()
export class OutboxStore {
  constructor(
    private readonly database: Database,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  /**
   * The first rows of each shard after its floor that are not at hand (by their number: the shard), at most `limit` in
   * all, each shard in its order.
   */
  async read(
    floors: ReadonlyMap<number, number>,
    atHand: ReadonlyMap<string, number>,
    limit: number,
  ): Promise<{ rows: OutboxRow[] } & Omit<ShardRead, 'rows'>> {
    const inTheWay = [...atHand].filter(([seq, shard]) => Number(seq) > (floors.get(shard) ?? 0));
    const byShard = Map.groupBy(inTheWay, ([, shard]) => shard);
    const most = Math.max(0, ...[...byShard.values()].map((rows) => rows.length));
    const perShard = most + Math.max(1, Math.ceil((limit * 2) / floors.size));
    // One index probe per shard: a single `order by shard, seq` would serve shard 0 first for ever. What is at hand is
    // left out behind the limit, because before it the planner would rather sort the shard than walk its index.
    // The number is taken before the read's own transaction id, above which are all that begin later.
    const rows = await this.database.query<OutboxRow & Record<keyof Horizon, string>>(
      `select next.*, horizon.* from (
         select pg_snapshot_xmin(pg_current_snapshot()) as ended, last_value as numbered,
                case when last_value is not null then pg_current_xact_id() end as begun
         from kernel.outbox_seq_seq) as horizon
       cross join unnest($1::smallint[], $2::bigint[]) as floor (shard, seq)
       cross join lateral (
         select ${COLUMNS} from kernel.outbox
         where shard = floor.shard and seq > floor.seq
         order by seq limit $3
       ) as next
       where next.seq <> all($5::bigint[])
       limit $4`,
      [[...floors.keys()], [...floors.values()], perShard, limit, inTheWay.map(([seq]) => seq)],
    );
    const [first] = rows;
    return { rows, horizon: first && horizonOf(first), isCut: rows.length === limit };
  }

  /** The first row of each shard that has one below the highest of the floors. */
  firstUpTo(floors: ReadonlyMap<number, number>): Promise<ShardRead['rows'][number][]> {
    return this.unitOfWork.run(async () => {
      // Page by page: in the order of the index, deleted rows that an old snapshot keeps would be fetched one by one.
      await this.unitOfWork.query(
        `select set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true)`,
        [],
      );
      return this.unitOfWork.query(
        `select shard, min(seq) as seq from kernel.outbox where shard = any($1) and seq <= $2 group by shard`,
        [[...floors.keys()], Math.max(...floors.values())],
      );
    });
  }

  async remove(rows: readonly OutboxRow[]): Promise<void> {
    await this.database.query(`delete from kernel.outbox where ${AT_PLACES}`, places(rows));
  }

  /** Moves rows aside, so that a message that cannot be published holds up nothing but its own key. */
  async park(rows: readonly OutboxRow[], errors: readonly string[]): Promise<void> {
    await this.database.query(
      `with done as (delete from kernel.outbox where ${AT_PLACES} returning *)
       insert into kernel.parked_message (${COLUMNS}, attempts, error, retry_at)
       select ${COLUMNS}, 1, error, now() + interval '1 second'
       from done join unnest($1::smallint[], $2::bigint[], $3::text[]) as failed (shard, seq, error) using (shard, seq)
       on conflict do nothing`,
      [...places(rows), errors],
    );
  }

  /** Every key that has parked messages in these shards, and one null if there are some without a key. */
  async parkedKeys(shards: readonly number[]): Promise<(string | null)[]> {
    const rows = await this.database.query<{ key: string | null }>(
      `select distinct key from kernel.parked_message where shard = any($1)`,
      [shards],
    );
    return rows.map((row) => row.key);
  }

  /** Parked messages whose key is due again: all of the key up to `limit`, in their order. */
  parkedDue(shards: readonly number[], limit: number): Promise<OutboxRow[]> {
    return this.database.query<OutboxRow>(
      `select ${COLUMNS} from kernel.parked_message parked
       where shard = any($1) and not exists (
         select 1 from kernel.parked_message head
         where head.shard = parked.shard
           and coalesce(head.key, head.id::text) = coalesce(parked.key, parked.id::text)
           and head.retry_at > now())
       order by shard, seq limit $2`,
      [shards, limit],
    );
  }

  async removeParked(rows: readonly OutboxRow[]): Promise<void> {
    await this.database.query(
      `delete from kernel.parked_message using unnest($1::smallint[], $2::bigint[]) as done (shard, seq)
       where parked_message.shard = done.shard and parked_message.seq = done.seq`,
      places(rows),
    );
  }

  /** Waits 2, 4, 8 ... seconds, five minutes at most: the cause is usually a queue that nobody declared yet. */
  async postponeParked(rows: readonly OutboxRow[], errors: readonly string[]): Promise<void> {
    await this.database.query(
      `update kernel.parked_message
       set attempts = attempts + 1, error = failed.error,
           retry_at = now() + least(interval '5 minutes', interval '1 second' * 2 ^ least(attempts, 9))
       from unnest($1::smallint[], $2::bigint[], $3::text[]) as failed (shard, seq, error)
       where parked_message.shard = failed.shard and parked_message.seq = failed.seq`,
      [...places(rows), errors],
    );
  }

  /**
   * Moves due messages to the outbox in the order of their time; returns how many. Of several processes that do it at
   * once, one has the turn and the others move nothing: two at once would mix up the order of a key.
   */
  async promoteDue(limit: number): Promise<number> {
    const [moved] = await this.database.query<{ count: number }>(
      `with turn as materialized (select pg_try_advisory_xact_lock(${PROMOTION_LOCK}) as ours),
       due as (
         delete from kernel.delayed_message where ctid = any(array(
           select delayed_message.ctid from kernel.delayed_message, turn where ours and due_at <= now()
           order by due_at, id limit $1 for update of delayed_message skip locked))
         returning *),
       moved as (
         insert into kernel.outbox (shard, id, key, exchange, routing_key, headers, payload)
         select shard, id, key, exchange, routing_key, headers, payload from due order by due_at, id
         returning 1)
       select count(*)::int as count from moved`,
      [limit],
    );
    return moved?.count ?? 0;
  }

  /** For the gauges: rows that wait, at most 100,000 of them, the age of the oldest of these, and rows that are parked. */
  async backlog(): Promise<{ waiting: number; parked: number; oldestSeconds: number }> {
    const [row] = await this.database.query<{ waiting: number; parked: number; oldest: number }>(
      `select count(*)::int as waiting,
              coalesce(extract(epoch from now() - min(created_at)), 0)::float as oldest,
              (select count(*)::int from kernel.parked_message) as parked
       from (select created_at from kernel.outbox limit 100000) as rows`,
    );
    return {
      waiting: row?.waiting ?? 0,
      parked: row?.parked ?? 0,
      oldestSeconds: row?.oldest ?? 0,
    };
  }
}

function horizonOf(row: Record<keyof Horizon, string>): Horizon {
  return { ended: Number(row.ended), begun: Number(row.begun), numbered: Number(row.numbered) };
}

function places(rows: readonly OutboxRow[]): [number[], string[]] {
  return [rows.map((row) => row.shard), rows.map((row) => row.seq)];
}

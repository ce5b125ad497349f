import { Injectable } from '@nestjs/common';
import { Ids } from '../ids.js';
import { Database } from '../persistence/database.js';
import { SHARDS } from './outbox-message.js';

const LEASE = `interval '10 seconds'`;

/**
 * Divides the shards evenly between the relays that are alive.
 *
 * A shard has one owner for ten seconds after the owner's last renewal. An owner that is killed loses its
 * shards after that; one that freezes longer may publish a batch that the next owner publishes as well
 * (at least once: consumers know a message by its id).
 */
@Injectable()
export class ShardLeases {
  readonly #id: string;
  #owned: readonly number[] = [];
  #validUntil = 0;

  constructor(
    private readonly database: Database,
    ids: Ids,
  ) {
    this.#id = ids.next();
  }

  /** The shards that are certainly ours right now; none once the lease ran out without a renewal. */
  get owned(): readonly number[] {
    return performance.now() < this.#validUntil ? this.#owned : [];
  }

  /** Renews our shards, gives up those beyond our share, takes free ones. Call every few seconds. */
  async renew(): Promise<void> {
    const asked = performance.now();
    await this.database.query(
      `with gone as (delete from kernel.relay where expires_at < now() - ${LEASE})
       insert into kernel.relay (id, expires_at) values ($1, now() + ${LEASE})
       on conflict (id) do update set expires_at = excluded.expires_at`,
      [this.#id],
    );
    const rows = await this.database.query<{ shard: number }>(
      `with share as (
         select ceil($2::numeric / count(*))::int as size from kernel.relay where expires_at > now()),
       mine as (
         select shard from kernel.outbox_shard
         where owner = $1 or owner is null or expires_at < now()
         order by (owner = $1 and expires_at > now()) desc nulls last, shard
         limit (select size from share)
         for update skip locked),
       released as (
         update kernel.outbox_shard set owner = null, expires_at = null
         where owner = $1 and shard not in (select shard from mine))
       update kernel.outbox_shard set owner = $1, expires_at = now() + ${LEASE}
       where shard in (select shard from mine)
       returning shard`,
      [this.#id, SHARDS],
    );
    this.#owned = rows.map((row) => row.shard).sort((a, b) => a - b);
    // Counted from before the statement, and a second short, so that clocks need not agree.
    this.#validUntil = asked + 9_000;
  }

  /** Gives everything back, so that a restart or another relay need not wait for the lease to end. */
  async release(): Promise<void> {
    this.#validUntil = 0;
    await this.database.query(
      `with gone as (delete from kernel.relay where id = $1)
       update kernel.outbox_shard set owner = null, expires_at = null where owner = $1`,
      [this.#id],
    );
  }
}

import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../../../kernel/persistence/unit-of-work.js';
import type { Heartbeat } from './line.dto.js';

/** How much of the feed is known, in the one row of `feed`. Placement reads it and never locks it. */
@Injectable()
export class FeedRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Notes which changes have arrived, so that a missing one is seen. */
  async see(feedVersions: readonly string[]): Promise<void> {
    await this.unitOfWork.query(
      `insert into bet_maker.feed_seen (feed_version)
       select distinct seen from unnest($1::bigint[]) as seen, bet_maker.feed where seen > floor order by seen
       on conflict do nothing`,
      [feedVersions],
    );
  }

  async wantSnapshot(): Promise<void> {
    await this.unitOfWork.query(
      `update bet_maker.feed set wanted_at = clock_timestamp() where wanted_at is null`,
    );
  }

  /**
   * The first beat after a silence, or of another incarnation, makes the picture doubtful until a snapshot is complete.
   * One that names changes which have not arrived wants a snapshot, too. Instants of the line provider's clock are
   * only compared with each other, and, coarsely, with ours: what is older than the silence is no sign of life.
   */
  async beat({ at, feed_version, incarnation }: Heartbeat, silenceMs: number): Promise<void> {
    const [fresh] = await this.unitOfWork.query<{ is_other: boolean }>(
      `with before as materialized (select incarnation as former from bet_maker.feed for update)
       update bet_maker.feed set
         synced = synced and incarnation = $2 and heard_at > clock_timestamp() - $3 * interval '1 ms',
         floor = case when incarnation = $2 then floor else 0 end,
         wanted_at = case when incarnation = $2 then wanted_at else coalesce(wanted_at, clock_timestamp()) end,
         beat_at = $1, heard_at = clock_timestamp(), incarnation = $2
       from before
       where (beat_at is null or beat_at < $1) and $1 > clock_timestamp() - $3 * interval '1 ms'
       returning former is distinct from $2 as is_other`,
      [at, incarnation, silenceMs],
    );
    if (!fresh) return;
    if (fresh.is_other) await this.unitOfWork.query(`delete from bet_maker.feed_seen`);
    await this.advance(feed_version);
  }

  /** Moves the floor up to a change when all before it have arrived; else a snapshot is wanted. */
  async advance(feedVersion: string): Promise<void> {
    await this.unitOfWork.query(
      `with seen as (
         select count(*) as count from bet_maker.feed_seen, bet_maker.feed where feed_version > floor and feed_version <= $1)
       update bet_maker.feed set
         floor = case when count = $1 - floor then $1 else floor end,
         wanted_at = case when count = $1 - floor then wanted_at else coalesce(wanted_at, clock_timestamp()) end
       from seen where floor < $1`,
      [feedVersion],
    );
    await this.#forgetSeen();
  }

  async complete(incarnation: string, feedVersion: string, askedAt: Date): Promise<void> {
    const [feed] = await this.unitOfWork.query<{ is_other: boolean }>(
      `with before as materialized (select incarnation as former from bet_maker.feed for update)
       update bet_maker.feed set
         floor = case when incarnation = $1 then greatest(floor, $2) else $2 end,
         incarnation = $1, synced = true, heard_at = greatest(heard_at, $3),
         wanted_at = case when wanted_at > $3 then wanted_at end, asked_at = null
       from before returning former is distinct from $1 as is_other`,
      [incarnation, feedVersion, askedAt],
    );
    if (feed?.is_other) await this.unitOfWork.query(`delete from bet_maker.feed_seen`);
    await this.#forgetSeen();
  }

  /**
   * Answers when the snapshot was asked for if one is needed now and nobody else is at it. Wanted ones wait for
   * a second, in which messages that overtook each other mostly arrive.
   */
  async takeTurn(silenceMs: number, leaseMs: number): Promise<Date | undefined> {
    const [turn] = await this.unitOfWork.query<{ asked_at: Date }>(
      `update bet_maker.feed set asked_at = clock_timestamp()
       where (asked_at is null or asked_at < clock_timestamp() - $2 * interval '1 ms')
         and (not synced or wanted_at < clock_timestamp() - interval '1 second' or heard_at is null
              or heard_at < clock_timestamp() - 0.75 * $1 * interval '1 ms')
       returning asked_at`,
      [silenceMs, leaseMs],
    );
    return turn?.asked_at;
  }

  async #forgetSeen(): Promise<void> {
    await this.unitOfWork.query(
      `delete from bet_maker.feed_seen using bet_maker.feed where feed_version <= floor`,
    );
  }
}

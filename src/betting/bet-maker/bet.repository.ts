import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../../kernel/persistence/unit-of-work.js';
import type { AcceptedBet, OpenEvent, Picture, Purse } from './domain/placement.js';
import { lockEvents } from './line/line.repository.js';

export interface PlacedBet extends AcceptedBet {
  readonly betId: string;
}

interface EventRow extends OpenEvent {
  readonly event_id: string | null;
  readonly liability: string;
  readonly now: Date;
  readonly is_fresh: boolean;
}

interface PurseRow {
  readonly owner_id: string;
  readonly cash: string;
  readonly day_loss: string;
}

/**
 * The only code that writes new bets: set-based, in the open Unit of Work. Lock order, the same for everybody: events
 * (advisory, shared here), wallets by their owners, exposures by their events.
 */
@Injectable()
export class BetRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /**
   * Everything that decides whether bets are accepted, locked until the commit: whatever would change the answer waits.
   * The clock is read under the lock of the event, so a bet that was decided before the deadline also stands before a
   * closing.
   */
  async loadPicture(
    eventIds: readonly string[],
    ownerIds: readonly string[],
    silenceMs: number,
  ): Promise<Omit<Picture, 'limits'>> {
    await lockEvents(this.unitOfWork, eventIds, 'shared');
    const purses = await this.#lockPurses(ownerIds);
    // One statement, because the exposures are what other batches wait for. The clock is read behind their lock.
    const rows = await this.unitOfWork.query<EventRow>(
      `with locked as materialized (
         select event_id, liability from bet_maker.exposure where event_id = any($1) order by event_id for update)
       select event.event_id, version, ratio, deadline, status, liability, clock_timestamp() as now,
              feed.synced and feed.heard_at > clock_timestamp() - $2 * interval '1 ms' as is_fresh
       from bet_maker.feed left join (bet_maker.event join locked using (event_id)) on true`,
      [eventIds, silenceMs],
    );
    const [{ now, is_fresh: isFresh } = { now: new Date(0), is_fresh: false }] = rows;
    const known = rows.filter((row) => row.event_id !== null);
    const events = new Map(known.map((row) => [row.event_id ?? '', row]));
    const liabilities = new Map(known.map((row) => [row.event_id ?? '', BigInt(row.liability)]));
    return { now, isFresh, events, purses, liabilities };
  }

  /** Takes the stakes, and writes bets, transfers and subscriptions with the commit. */
  async insertMany(bets: readonly PlacedBet[], now: Date): Promise<void> {
    if (bets.length === 0) return;
    await this.#reserve(bets);
    const columns = {
      ids: bets.map((bet) => bet.betId),
      owners: bets.map((bet) => bet.ownerId),
      events: bets.map((bet) => bet.eventId),
      stakes: bets.map((bet) => String(bet.stake)),
    };
    this.unitOfWork.deferInsert(
      `insert into bet_maker.bet (bet_id, owner_id, event_id, stake, event_version, odds, placed_at)
       select *, $7::timestamptz from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::int[], $6::int[])`,
      [
        columns.ids,
        columns.owners,
        columns.events,
        columns.stakes,
        bets.map((bet) => bet.eventVersion),
        bets.map((bet) => bet.odds),
        now,
      ],
    );
    this.unitOfWork.deferInsert(
      `insert into bet_maker.transfer (owner_id, bet_id, amount, taken_from, given_to, reason)
       select *, 'cash', 'reserved', 'reserve' from unnest($1::text[], $2::uuid[], $3::bigint[])`,
      [columns.owners, columns.ids, columns.stakes],
    );
    // Whoever else could subscribe the same owner waits for the owner's wallet.
    this.unitOfWork.deferInsert(
      `insert into bet_maker.subscription (event_id, owner_id)
       select distinct * from unnest($1::text[], $2::text[]) on conflict do nothing`,
      [columns.events, columns.owners],
    );
  }

  async #lockPurses(ownerIds: readonly string[]): Promise<Map<string, Purse>> {
    const rows = await this.unitOfWork.query<PurseRow>(
      `select owner_id, cash, case when loss_day = (clock_timestamp() at time zone 'UTC')::date then day_loss else 0 end as day_loss
       from bet_maker.wallet where owner_id = any($1) order by owner_id for update`,
      [ownerIds],
    );
    const purseOf = (row: PurseRow) => ({ cash: BigInt(row.cash), dayLoss: BigInt(row.day_loss) });
    return new Map(rows.map((row) => [row.owner_id, purseOf(row)]));
  }

  /** The rows are locked already, so the order of the updates does not matter. */
  async #reserve(bets: readonly PlacedBet[]): Promise<void> {
    await this.unitOfWork.query(
      `with placed as materialized (
         select * from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) as placed (owner_id, event_id, stake, payout)),
       wallets as (
         update bet_maker.wallet set cash = cash - staked.sum, reserved = reserved + staked.sum, loss_day = today,
           day_loss = case when loss_day = today then day_loss else 0 end + staked.sum
         from (select owner_id, sum(stake)::bigint as sum from placed group by owner_id) as staked,
              (select (clock_timestamp() at time zone 'UTC')::date as today) as clock
         where wallet.owner_id = staked.owner_id)
       insert into bet_maker.exposure as known (event_id, bets, staked, liability)
       select event_id, count(*)::int, sum(stake)::bigint, sum(payout - stake)::bigint from placed group by event_id order by event_id
       on conflict (event_id) do update set bets = known.bets + excluded.bets, staked = known.staked + excluded.staked,
         liability = known.liability + excluded.liability`,
      [
        bets.map((bet) => bet.ownerId),
        bets.map((bet) => bet.eventId),
        bets.map((bet) => String(bet.stake)),
        bets.map((bet) => String(bet.payout)),
      ],
    );
  }
}

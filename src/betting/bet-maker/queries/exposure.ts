import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { Database } from '../../../kernel/persistence/database.js';
import { EventNotFound } from '../domain/bet.errors.js';
import type { Minor, Thousandths } from '../domain/money.js';

const SLICES = 60;

export interface Slice {
  /** From 0 to 59, in the order of time. */
  readonly place: number;
  readonly bets: number;
  readonly staked: Minor;
}

export interface Exposure {
  readonly eventId: string;
  readonly status: string;
  readonly ratio: Thousandths;
  readonly bets: number;
  readonly staked: Minor;
  readonly liability: Minor;
  readonly paid: Minor;
  readonly from: Date | null;
  readonly until: Date | null;
  readonly slices: readonly Slice[];
}

/** What the house has taken on an event, and may have to pay, over the time of its bets. Throws `EventNotFound`. */
export class GetExposure extends Query<Exposure> {
  constructor(readonly eventId: string) {
    super();
  }
}

interface TotalRow {
  readonly status: string;
  readonly ratio: number;
  readonly bets: number;
  readonly staked: string;
  readonly liability: string;
  readonly paid: string;
}

interface SliceRow {
  readonly place: number;
  readonly bets: number;
  readonly staked: string;
  readonly first: Date;
  readonly last: Date;
}

@Handles(GetExposure)
export class GetExposureHandler implements Handler<GetExposure> {
  constructor(private readonly database: Database) {}

  async execute({ eventId }: GetExposure): Promise<Exposure> {
    const [total] = await this.database.query<TotalRow>(
      `select status, ratio, coalesce(bets, 0) as bets, coalesce(staked, 0) as staked,
              coalesce(liability, 0) as liability, coalesce(paid, 0) as paid
       from bet_maker.event left join bet_maker.exposure using (event_id) where event_id = $1`,
      [eventId],
    );
    if (!total) throw new EventNotFound(eventId);
    const rows = await this.#slices(eventId);
    return {
      ...total,
      eventId,
      staked: BigInt(total.staked),
      liability: BigInt(total.liability),
      paid: BigInt(total.paid),
      from: rows[0]?.first ?? null,
      until: rows[0]?.last ?? null,
      slices: rows.map((row) => ({ place: row.place, bets: row.bets, staked: BigInt(row.staked) })),
    };
  }

  /** The instants as whole microseconds, so that the slices are equal. */
  #slices(eventId: string): Promise<SliceRow[]> {
    return this.database.query<SliceRow>(
      `with span as (
         select min(placed_at) as first, max(placed_at) as last from bet_maker.bet where event_id = $1)
       select width_bucket(extract(epoch from placed_at), extract(epoch from first),
                           extract(epoch from last) + 0.001, ${String(SLICES)}) - 1 as place,
              count(*)::int as bets, sum(stake)::bigint as staked, first, last
       from bet_maker.bet, span where event_id = $1 group by place, first, last order by place`,
      [eventId],
    );
  }
}

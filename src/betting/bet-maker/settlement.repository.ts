import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../../kernel/persistence/unit-of-work.js';
import type { SettledBet, SettlementKey } from './bet.messages.js';
import type { LineEvent } from './line/line.dto.js';

/** Bets that one transaction settles. */
export const CHUNK = 5_000;
/** Keeps the advisory locks of turns apart from those taken for other purposes. */
const TURN_SEED = 2_005_402;
/** A settlement that nobody has touched for so long lost the message that carries it on. */
const FORGOTTEN_AFTER = '15 seconds';

export interface SettlementJob extends SettlementKey {
  /** The last bet that was settled. */
  readonly behind: string;
  readonly outcome: 'won' | 'lost' | 'void';
  readonly void_share: number;
  readonly dead_heat: number;
  readonly closed_at: Date | null;
}

interface Chunk {
  /** The last bet of the chunk. */
  readonly until: string;
  readonly size: number;
}

/** Settles bets, set-based, in the open Unit of Work. Lock order: the turn of the event, wallets by owner. */
@Injectable()
export class SettlementRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Answers those that are new. */
  async begin(events: readonly LineEvent[]): Promise<SettlementKey[]> {
    const ended = events.filter(({ status }) => status === 'resulted' || status === 'voided');
    if (ended.length === 0) return [];
    return this.unitOfWork.query<SettlementKey>(
      `insert into bet_maker.settlement (event_id, settlement, outcome, void_share, dead_heat)
       select * from unnest($1::text[], $2::int[], $3::text[], $4::smallint[], $5::smallint[]) order by 1
       on conflict do nothing returning event_id, settlement`,
      [
        ended.map((event) => event.event_id),
        ended.map(({ result }) => result?.settlement ?? 1),
        ended.map(({ result, status }) =>
          status === 'voided' ? 'void' : (result?.outcome ?? 'void'),
        ),
        ended.map(({ result }) => result?.void_share ?? 0),
        ended.map(({ result }) => result?.dead_heat ?? 1_000),
      ],
    );
  }

  /**
   * Takes the turn of a settlement until the commit. Undefined when somebody else has it and so carries it on, when it is
   * done, or when a later settlement of the event has begun, which reaches all bets by itself.
   */
  async take({ event_id, settlement }: SettlementKey): Promise<SettlementJob | undefined> {
    const [turn] = await this.unitOfWork.query<{ taken: boolean }>(
      `select pg_try_advisory_xact_lock(hashtextextended($1 || ' ' || $2::int, ${String(TURN_SEED)})) as taken`,
      [event_id, settlement],
    );
    if (!turn?.taken) return undefined;
    // Another settlement of the event ends its chunk first.
    await this.unitOfWork.query(
      `select pg_advisory_xact_lock(hashtextextended($1, ${String(TURN_SEED)}))`,
      [event_id],
    );
    const jobs = await this.unitOfWork.query<SettlementJob & { state: string }>(
      `select job.*, closed_at from bet_maker.settlement as job left join bet_maker.event using (event_id)
       where job.event_id = $1 order by job.settlement`,
      [event_id],
    );
    const job = jobs.find((one) => one.settlement === settlement);
    if (job?.state !== 'running') return undefined;
    if (jobs.at(-1) === job) return job;
    await this.#finish(job, 'superseded');
    return undefined;
  }

  async nextChunk({ event_id, behind }: SettlementJob): Promise<Chunk | undefined> {
    const [chunk] = await this.unitOfWork.query<Chunk>(
      `select bet_id as until, place::int as size from (
         select bet_id, row_number() over (order by bet_id) as place from bet_maker.bet
         where event_id = $1 and bet_id > $2 order by bet_id limit $3) as chunk
       order by bet_id desc limit 1`,
      [event_id, behind, CHUNK],
    );
    return chunk;
  }

  /**
   * Settles every bet of the chunk that has not come as far yet, and answers those. The stake of an accepted bet leaves
   * the reserve, to the house or back; a bet that was settled before has its payout reversed into the debt of its owner
   * and is paid anew, and the debt is collected from the cash as far as that goes.
   */
  async settle(job: SettlementJob, { until }: Chunk): Promise<SettledBet[]> {
    await this.unitOfWork.query(
      `select count(*) from (
         select from bet_maker.wallet where owner_id in (
           select owner_id from bet_maker.bet where event_id = $1 and bet_id > $2 and bet_id <= $3)
         order by owner_id for update) as locked`,
      [job.event_id, job.behind, until],
    );
    return this.unitOfWork.query<SettledBet>(SETTLE, [
      job.event_id,
      job.behind,
      until,
      job.settlement,
      job.outcome,
      job.void_share,
      job.dead_heat,
      job.closed_at,
    ]);
  }

  /** The wallets must be locked. */
  async collectDebts(ownerIds: readonly string[]): Promise<void> {
    await this.unitOfWork.query(
      `with due as materialized (
         select owner_id, least(cash, debt) as amount from bet_maker.wallet
         where debt > 0 and cash > 0 and owner_id = any($1)),
       collected as (
         update bet_maker.wallet set cash = cash - amount, debt = debt - amount
         from due where wallet.owner_id = due.owner_id)
       insert into bet_maker.transfer (owner_id, amount, taken_from, given_to, reason)
       select owner_id, amount, 'cash', 'debt', 'collect' from due`,
      [ownerIds],
    );
  }

  async advance(job: SettlementJob, { until, size }: Chunk, settled: number): Promise<void> {
    await this.unitOfWork.query(
      `update bet_maker.settlement set behind = $3, settled = settled + $4, touched_at = now(), state = $5
       where event_id = $1 and settlement = $2`,
      [job.event_id, job.settlement, until, settled, size < CHUNK ? 'done' : 'running'],
    );
  }

  async finish(job: SettlementJob): Promise<void> {
    await this.#finish(job, 'done');
  }

  /** Marks settlements that nobody carries on as touched, and answers them. */
  async takeForgotten(): Promise<SettlementKey[]> {
    return this.unitOfWork.query<SettlementKey>(
      `update bet_maker.settlement as job set touched_at = now() from (
         select event_id, settlement from bet_maker.settlement
         where state = 'running' and touched_at < now() - interval '${FORGOTTEN_AFTER}'
         limit 100 for update skip locked) as forgotten
       where job.event_id = forgotten.event_id and job.settlement = forgotten.settlement
       returning job.event_id, job.settlement`,
    );
  }

  async #finish({ event_id, settlement }: SettlementJob, state: string): Promise<void> {
    await this.unitOfWork.query(
      `update bet_maker.settlement set state = $3, touched_at = now() where event_id = $1 and settlement = $2`,
      [event_id, settlement, state],
    );
  }
}

/**
 * payout = stake·void + stake·(1 − void)·odds·result·dead_heat, rounded down once, at the end: odds and shares are
 * thousandths. A bet that was placed after the event was closed is void, whatever the result.
 */
const SETTLE = `
  with due as materialized (
    select bet_id, owner_id, stake, settlement as before, payout as paid, is_void,
           case when is_void then stake
                else div(stake::numeric * $6::int * 1000000 + case $5::text
                         when 'won' then stake::numeric * (1000 - $6::int) * odds * $7::int else 0 end, 1000000000)::bigint
           end as due
    from bet_maker.bet cross join lateral (
      select $5::text = 'void' or coalesce(placed_at > $8::timestamptz, false) as is_void) as voided
    where event_id = $1 and bet_id > $2 and bet_id <= $3 and settlement < $4::int),
  settled as (
    update bet_maker.bet set settlement = $4::int, payout = due.due, settled_at = now(),
           status = case when is_void or $6::int = 1000 then 'voided' else $5::text end
    from due where bet.bet_id = due.bet_id
    returning bet.bet_id, bet.owner_id, bet.status, bet.payout),
  transfers as (
    insert into bet_maker.transfer (owner_id, bet_id, settlement, amount, taken_from, given_to, reason)
    select owner_id, bet_id, $4::int, amount, taken_from, given_to, reason
    from due cross join lateral (values
      (case when before = 0 and not is_void then stake end, 'reserved', 'house', 'post'),
      (case when before = 0 and is_void then stake end, 'reserved', 'cash', 'void'),
      (case when before > 0 and due <> paid then paid end, 'debt', 'house', 'reversal'),
      (case when case when before = 0 then not is_void else due <> paid end then due end, 'house', 'cash', 'payout')
    ) as moved (amount, taken_from, given_to, reason)
    where amount > 0),
  change as materialized (
    select owner_id, released, received, reversed, least(cash + received, debt + reversed) as collected
    from bet_maker.wallet join (
      select owner_id, sum(case when before = 0 then stake else 0 end)::bigint as released,
             sum(case when before = 0 or due <> paid then due else 0 end)::bigint as received,
             sum(case when before > 0 and due <> paid then paid else 0 end)::bigint as reversed
      from due group by owner_id) as moved using (owner_id)),
  wallets as (
    update bet_maker.wallet set reserved = reserved - released, cash = cash + received - collected,
           debt = debt + reversed - collected, loss_day = today,
           day_loss = case when loss_day = today then day_loss else 0 end - received + reversed
    from change, (select (clock_timestamp() at time zone 'UTC')::date as today) as clock
    where wallet.owner_id = change.owner_id),
  debts as (
    insert into bet_maker.transfer (owner_id, amount, taken_from, given_to, reason)
    select owner_id, collected, 'cash', 'debt', 'collect' from change where collected > 0),
  exposures as (
    update bet_maker.exposure set paid = exposure.paid + change.paid
    from (select coalesce(sum(due - paid), 0)::bigint as paid from due) as change where event_id = $1),
  notifications as (
    insert into bet_maker.notification (owner_id, event_id, kind, body)
    select owner_id, $1::text, 'bet-settled', json_build_object('bet_id', bet_id, 'event_id', $1::text, 'status', status,
      'settlement', $4::int, 'payout', trim(to_char(payout / 100, '999999999999990')) || '.' || lpad((payout % 100)::text, 2, '0'))
    from settled)
  select bet_id, status, payout from settled`;

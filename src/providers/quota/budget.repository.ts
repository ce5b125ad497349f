import { Injectable } from '@nestjs/common';
import { Database } from '../../kernel/persistence/database.js';

export const BUDGET_PERIODS = ['day', 'month', 'total'] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

/** What may be spent at one provider in one period (UTC, by the clock of Postgres). `limitMicros: null`: without end. */
export interface Budget {
  readonly providerId: string;
  readonly period: BudgetPeriod;
  readonly limitMicros: number | null;
}

export interface Spending {
  readonly budget: Budget;
  readonly micros: number;
}

/** Money set aside; it is spent unless refunded. */
export interface BudgetReservation {
  readonly providerId: string;
  /** The period it was taken from: `2026-11-21`, `2026-11` or `total`. */
  readonly periodKey: string;
  readonly micros: number;
}

/**
 * What was spent at paid providers. It lies in Postgres whatever store keeps the quotas: a flushed Redis may cost
 * time, but never money. One statement per call takes the row, compares and adds, so no two processes can overshoot together.
 */
@Injectable()
export class BudgetRepository {
  constructor(private readonly database: Database) {}

  /**
   * Sets money aside, in the order asked for; `null` for what no longer fits, and for all behind it in the same
   * budget. Not to be called in a Unit of Work: the row would stay locked until its end, for all processes.
   */
  async reserve(spendings: readonly Spending[]): Promise<(BudgetReservation | null)[]> {
    const rows = await this.database.query<{ provider: string; key: string; granted: string }>(
      `with asked as (
         select ask.*, case period when 'total' then 'total'
           else to_char(now() at time zone 'utc', case period when 'day' then 'YYYY-MM-DD' else 'YYYY-MM' end) end as key,
           (sum(micros) over (partition by provider, period order by place))::bigint as running
         from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
           with ordinality as ask (provider, period, upto, micros, place))
       insert into providers.budget as budget (provider_id, period_key, spent_micros, granted_micros)
       select provider, key, granted, granted from (
         select provider, key, coalesce(max(running) filter (where upto is null or running <= upto), 0) as granted
         from asked group by provider, key order by provider, key) as first
       on conflict (provider_id, period_key) do update set (spent_micros, granted_micros) = (
         select budget.spent_micros + coalesce(max(running), 0), coalesce(max(running), 0) from asked
         where provider = budget.provider_id and key = budget.period_key
           and (upto is null or budget.spent_micros + running <= upto))
       returning provider_id as provider, period_key as key, granted_micros as granted`,
      [
        spendings.map(({ budget }) => budget.providerId),
        spendings.map(({ budget }) => budget.period),
        spendings.map(({ budget }) => budget.limitMicros),
        spendings.map(({ micros }) => micros),
      ],
    );
    return share(spendings, rows);
  }

  /** Gives back what was certainly never sent. Once per reservation: a second time it is free money. */
  async refund(reservations: readonly BudgetReservation[]): Promise<void> {
    await this.database.query(
      `update providers.budget as budget set spent_micros = spent_micros - refund.micros
       from (select provider, key, sum(micros)::bigint as micros from unnest($1::text[], $2::text[], $3::bigint[])
             as one (provider, key, micros) group by provider, key) as refund
       where budget.provider_id = refund.provider and budget.period_key = refund.key`,
      [
        reservations.map(({ providerId }) => providerId),
        reservations.map(({ periodKey }) => periodKey),
        reservations.map(({ micros }) => micros),
      ],
    );
  }
}

/** A budget of one provider has one row of the answer, as a day, a month and a total have different keys. */
function share(
  spendings: readonly Spending[],
  rows: readonly { provider: string; key: string; granted: string }[],
): (BudgetReservation | null)[] {
  const left = rows.map((row) => ({ ...row, micros: Number(row.granted), isOver: false }));
  return spendings.map(({ budget, micros }) => {
    const row = left.find(
      ({ provider, key }) => provider === budget.providerId && periodOf(key) === budget.period,
    );
    if (row === undefined || row.isOver || row.micros < micros) {
      if (row) row.isOver = true;
      return null;
    }
    row.micros -= micros;
    return { providerId: row.provider, periodKey: row.key, micros };
  });
}

function periodOf(key: string): BudgetPeriod {
  if (key === 'total') return 'total';
  return key.length === '2026-11'.length ? 'month' : 'day';
}

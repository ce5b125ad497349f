import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import { columnsOf } from './message.rows.js';

/** Calls that ended: of which provider, in which epoch of the free quota, and how. */
export interface UsageDelta {
  readonly provider: string;
  readonly epoch: number;
  readonly outcome: string;
  /** Paid for a message that the free provider might have processed. */
  readonly isAvoidable: boolean;
  readonly calls: number;
  readonly costMicros: number;
}

/** What is known of an epoch of the free quota: its limit, and when it was found to be blocked. */
export interface EpochNote {
  readonly epoch: number;
  readonly capacity: number;
  readonly blockedUntil: Date | null;
}

/** Maintained usage: deltas are appended with the end of the calls, and folded into minutes and epochs. */
@Injectable()
export class UsageRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** With the commit, one row for all calls that are alike. */
  add(calls: readonly Omit<UsageDelta, 'calls'>[]): void {
    if (calls.length === 0) return;
    const alike = Map.groupBy(calls, (call) =>
      [call.provider, call.epoch, call.outcome, call.isAvoidable].join(),
    );
    const deltas = [...alike.values()].flatMap(([first, ...others]) =>
      first
        ? {
            ...first,
            calls: others.length + 1,
            costMicros: others.reduce((sum, call) => sum + call.costMicros, first.costMicros),
          }
        : [],
    );
    this.unitOfWork.deferInsert(
      `insert into providers.usage_delta (provider, minute, epoch, outcome, avoidable, calls, cost_micros)
       select provider, date_trunc('minute', now()), epoch, outcome, avoidable, calls, cost_micros
       from unnest($1::text[], $2::bigint[], $3::text[], $4::boolean[], $5::int[], $6::bigint[])
         as delta (provider, epoch, outcome, avoidable, calls, cost_micros)`,
      columnsOf(deltas, [
        (delta) => delta.provider,
        (delta) => delta.epoch,
        (delta) => delta.outcome,
        (delta) => delta.isAvoidable,
        (delta) => delta.calls,
        (delta) => delta.costMicros,
      ]),
    );
  }

  /** Remembers epochs as they are seen; a block only ever gets longer. */
  async note(notes: readonly EpochNote[]): Promise<void> {
    if (notes.length === 0) return;
    await this.unitOfWork.query(
      `insert into providers.epoch (epoch, capacity, opened_at, blocked_at, blocked_until)
       select epoch, capacity, now(), case when until is not null then now() end, until
       from unnest($1::bigint[], $2::int[], $3::timestamptz[]) as note (epoch, capacity, until)
       order by epoch
       on conflict (epoch) do update set capacity = excluded.capacity,
         blocked_at = case when epoch.blocked_until > now() then epoch.blocked_at
                      else coalesce(excluded.blocked_at, epoch.blocked_at) end,
         blocked_until = greatest(epoch.blocked_until, excluded.blocked_until)`,
      columnsOf(notes, [
        (note) => note.epoch,
        (note) => note.capacity,
        (note) => note.blockedUntil,
      ]),
    );
  }

  /** Adds the deltas to minutes and epochs. */
  async fold(): Promise<void> {
    await this.unitOfWork.query(
      `with folded as (delete from providers.usage_delta returning *),
       minutes as (
         insert into providers.usage as total (provider, minute, outcome, calls, cost_micros)
         select provider, minute, outcome, sum(calls), sum(cost_micros) from folded
         group by provider, minute, outcome order by provider, minute, outcome
         on conflict (provider, minute, outcome) do update
         set calls = total.calls + excluded.calls, cost_micros = total.cost_micros + excluded.cost_micros)
       insert into providers.epoch as total (epoch, capacity, free_calls, refused, paid_calls, opened_at)
       select epoch, 0, coalesce(sum(calls) filter (where provider = 'free' and outcome not in ('unsent', 'refused')), 0),
              coalesce(sum(calls) filter (where provider = 'free' and outcome = 'refused'), 0),
              coalesce(sum(calls) filter (where avoidable), 0), now()
       from folded group by epoch order by epoch
       on conflict (epoch) do update set free_calls = total.free_calls + excluded.free_calls,
         refused = total.refused + excluded.refused,
         paid_calls = total.paid_calls + excluded.paid_calls`,
    );
  }

  /**
   * Counts what ended epochs have left unused while calls were paid for, once per epoch; an epoch has ended when a later
   * one has begun and its last calls can be assumed to be folded.
   */
  async closeEpochs(): Promise<number> {
    const rows = await this.unitOfWork.query<{ excess: number }>(
      `update providers.epoch set excess = case when refused > 0 then 0
              else greatest(0, least(paid_calls, capacity - free_calls)) end
       where excess is null and exists (
         select from providers.epoch as later
         where later.epoch > epoch.epoch and later.opened_at < now() - interval '5 seconds')
       returning excess::int`,
    );
    return rows.reduce((sum, row) => sum + row.excess, 0);
  }

  /** Deletes minutes and epochs that are older than so many days. */
  async deleteOld(days: number): Promise<void> {
    await this.unitOfWork.query(
      `delete from providers.usage where minute < now() - make_interval(days => $1)`,
      [days],
    );
    await this.unitOfWork.query(
      `delete from providers.epoch where opened_at < now() - make_interval(days => $1)`,
      [days],
    );
  }
}

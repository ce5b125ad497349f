import { Query } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import { InvalidPeriod } from '../domain/provider.errors.js';
import {
  BUCKETS,
  MAX_BUCKETS,
  type Usage,
  type UsageRequest,
  type UsageView,
} from '../providers.dto.js';

const MAX_BLOCKS = 2_000;

interface CallsRow {
  readonly at: Date;
  readonly free: number;
  readonly paid: number;
  readonly refused: number;
  readonly failed: number;
  readonly spent_micros: number;
}

interface EpochsRow {
  readonly at: Date;
  readonly possible: number;
  readonly used: number;
  readonly excess: number;
}

/**
 * Calls, spending and the optimum over a time, a second late. The optimum is what the paid provider had to be paid for by
 * whoever knew everything beforehand: "send free whenever allowed" reaches it, so it is counted and not computed.
 * Throws `InvalidPeriod`.
 */
export class GetUsage extends Query<UsageView> {
  constructor(readonly request: UsageRequest) {
    super();
  }
}

@Handles(GetUsage)
export class GetUsageHandler implements Handler<GetUsage> {
  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
  ) {}

  async execute({ request }: GetUsage): Promise<UsageView> {
    const { from, to } = this.#periodOf(request);
    const { bucket } = request;
    const calls = await this.#calls(from, to, bucket);
    const epochs = await this.#epochs(from, to, bucket);
    const blocks = await this.#blocks(from, to);
    const starts = [...new Set([...calls, ...epochs].map(({ at }) => at.getTime()))].sort(
      (a, b) => a - b,
    );
    const items = starts.map((start) => {
      const isHere = ({ at }: { at: Date }): boolean => at.getTime() === start;
      return {
        at: new Date(start).toISOString(),
        ...usageOf(calls.filter(isHere), epochs.filter(isHere)),
      };
    });
    return {
      from: from.toISOString(),
      to: to.toISOString(),
      bucket,
      total: usageOf(calls, epochs),
      items,
      blocks,
    };
  }

  #periodOf({ from, to, bucket }: UsageRequest): { from: Date; to: Date } {
    const end = to === undefined ? this.clock.now() : new Date(to);
    const start = from === undefined ? new Date(end.getTime() - BUCKETS.day) : new Date(from);
    const buckets = (end.getTime() - start.getTime()) / BUCKETS[bucket];
    if (!(buckets > 0)) throw new InvalidPeriod('query.from', 'must be before `to`');
    if (buckets > MAX_BUCKETS) {
      const message = `asks for more than ${String(MAX_BUCKETS)}; choose larger ones or a shorter time`;
      throw new InvalidPeriod('query.bucket', message);
    }
    return { from: start, to: end };
  }

  #calls(from: Date, to: Date, bucket: string): Promise<CallsRow[]> {
    return this.database.query<CallsRow>(
      `select date_trunc($3, minute, 'UTC') as at,
              coalesce(sum(calls) filter (where provider = 'free' and outcome not in ('unsent', 'refused')), 0)::float as free,
              coalesce(sum(calls) filter (where provider = 'paid' and outcome not in ('unsent', 'refused')), 0)::float as paid,
              coalesce(sum(calls) filter (where outcome = 'refused'), 0)::float as refused,
              coalesce(sum(calls) filter (where outcome in ('broken', 'unknown', 'rejected')), 0)::float as failed,
              sum(cost_micros)::float as spent_micros
       from providers.usage where minute >= date_trunc('minute', $1::timestamptz) and minute < $2
       group by at order by at`,
      [from, to, bucket],
    );
  }

  #epochs(from: Date, to: Date, bucket: string): Promise<EpochsRow[]> {
    return this.database.query<EpochsRow>(
      `select date_trunc($3, opened_at, 'UTC') as at, sum(greatest(capacity, free_calls))::float as possible,
              sum(free_calls)::float as used, coalesce(sum(excess), 0)::float as excess
       from providers.epoch where opened_at >= $1 and opened_at < $2 group by at order by at`,
      [from, to, bucket],
    );
  }

  async #blocks(from: Date, to: Date): Promise<UsageView['blocks']> {
    const rows = await this.database.query<{ blocked_at: Date; blocked_until: Date }>(
      `select blocked_at, blocked_until from (
         select blocked_at, blocked_until from providers.epoch
         where blocked_until > $1 and blocked_at < $2 order by epoch desc limit $3) as latest
       order by blocked_at`,
      [from, to, MAX_BLOCKS],
    );
    return rows.map((row) => ({
      from: row.blocked_at.toISOString(),
      until: row.blocked_until.toISOString(),
    }));
  }
}

function usageOf(calls: readonly CallsRow[], epochs: readonly EpochsRow[]): Usage {
  const sum = <T>(rows: readonly T[], value: (row: T) => number): number =>
    rows.reduce((total, row) => total + value(row), 0);
  const paid = sum(calls, (row) => row.paid);
  const excess = Math.min(
    paid,
    sum(epochs, (row) => row.excess),
  );
  const possible = sum(epochs, (row) => row.possible);
  return {
    free: sum(calls, (row) => row.free),
    paid,
    refused: sum(calls, (row) => row.refused),
    failed: sum(calls, (row) => row.failed),
    spent_micros: sum(calls, (row) => row.spent_micros),
    optimum: paid - excess,
    excess,
    possible,
    utilisation: possible > 0 ? Math.min(1, sum(epochs, (row) => row.used) / possible) : null,
  };
}

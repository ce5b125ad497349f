import { Injectable } from '@nestjs/common';
import { Database } from '../persistence/database.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { type DeadLetterRow, type DeadLetterState, storable } from './dead-letter.js';

/** Which letters; what is missing does not matter. `reason` is a part of the reason, in any case. */
export interface LetterFilter {
  readonly queue?: string | undefined;
  readonly route?: string | undefined;
  readonly reason?: string | undefined;
  readonly message_id?: string | undefined;
  readonly state?: DeadLetterState | undefined;
  readonly died_after?: string | undefined;
  readonly died_before?: string | undefined;
}

export type LetterOverview = Pick<
  DeadLetterRow,
  'id' | 'queue' | 'message_id' | 'exchange' | 'routing_key' | 'route' | 'reason' | 'reason_class'
> &
  Pick<DeadLetterRow, 'attempts' | 'deaths' | 'first_at' | 'died_at'> & {
    readonly state: DeadLetterState;
    readonly redriven_at: Date | null;
  };

/** `payload` is the beginning, at most `PAYLOAD_SHOWN` of its `bytes`. */
export type LetterInFull = LetterOverview &
  Pick<DeadLetterRow, 'headers' | 'content_type' | 'payload' | 'reply_to' | 'correlation_id'> & {
    readonly bytes: number;
  };

/** The sort key of a letter: when it died, and its id. */
export type LetterPlace = readonly [Date, string];

export interface ReasonCount {
  readonly queue: string;
  readonly reason_class: string;
  readonly count: number;
  readonly oldest_at: Date;
}

const COLUMNS = {
  id: 'uuid',
  queue: 'text',
  message_id: 'text',
  exchange: 'text',
  routing_key: 'text',
  route: 'text',
  headers: 'text',
  content_type: 'text',
  payload: 'bytea',
  reply_to: 'text',
  correlation_id: 'text',
  reason: 'text',
  reason_class: 'text',
  attempts: 'integer',
  deaths: 'integer',
  first_at: 'timestamptz',
  died_at: 'timestamptz',
} satisfies Record<keyof DeadLetterRow, string>;
const NAMES = Object.keys(COLUMNS) as (keyof DeadLetterRow)[];
const UNNEST = Object.values(COLUMNS).map((type, index) => `$${String(index + 1)}::${type}[]`);
/** What a later death overwrites; the id stays, and so does the first arrival. */
const RENEWED = NAMES.filter(
  (name) => !['id', 'queue', 'message_id', 'deaths', 'first_at'].includes(name),
);

const OVERVIEW = `id, queue, message_id, exchange, routing_key, route, reason, reason_class, attempts, deaths, state,
  first_at, died_at, redriven_at`;

const PAYLOAD_SHOWN = 1_048_576;
const SUMMARY_ROWS = 1_000;
const CHUNK_BYTES = 8 * 1_024 * 1_024;
/** A queue's gauge stops counting here. */
const COUNTED = 100_000;

/** All SQL of the dead letters. */
@Injectable()
export class DeadLetterStore {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly database: Database,
  ) {}

  /**
   * Inserts letters, no two of one queue and message, in the open Unit of Work; returns the queues of those that are
   * news. One that is known is the same death brought twice, unless it died later or was redriven more often: then the
   * row dies again. In doubt it does, because the inbox keeps the effects of a message single.
   */
  async add(letters: readonly DeadLetterRow[]): Promise<string[]> {
    const rows = await this.unitOfWork.query<{ queue: string }>(
      `insert into kernel.dead_letter as known (${NAMES.join()})
       select * from unnest(${UNNEST.join()})
       on conflict (md5(message_id), queue) do update set
         ${RENEWED.map((name) => `${name} = excluded.${name}`).join()},
         first_at = least(known.first_at, excluded.first_at),
         deaths = greatest(known.deaths + (known.state = 'redriven')::integer, excluded.deaths),
         state = 'dead', redriven_at = null
       where excluded.died_at > known.died_at or excluded.deaths > known.deaths
       returning queue`,
      NAMES.map((name) => letters.map((letter) => letter[name])),
    );
    return rows.map(({ queue }) => queue);
  }

  /** Newest first, behind the given place. */
  list(filter: LetterFilter, limit: number, before?: LetterPlace): Promise<LetterOverview[]> {
    const { sql, parameters, add } = conditions(filter);
    const place =
      before === undefined ? '' : ` and (died_at, id) < (${add(before[0])}, ${add(before[1])})`;
    return this.database.query<LetterOverview>(
      `select ${OVERVIEW} from kernel.dead_letter where ${sql}${place}
       order by died_at desc, id desc limit ${add(limit)}`,
      parameters,
    );
  }

  async get(id: string): Promise<LetterInFull | undefined> {
    const [letter] = await this.database.query<LetterInFull>(
      `select ${OVERVIEW}, headers, content_type, reply_to, correlation_id,
         substring(payload from 1 for ${String(PAYLOAD_SHOWN)}) as payload, octet_length(payload) as bytes
       from kernel.dead_letter where id = $1`,
      [id],
    );
    return letter;
  }

  /** The dead ones by queue and class of reason, most frequent first, at most a thousand lines. */
  summarize(): Promise<ReasonCount[]> {
    return this.database.query<ReasonCount>(
      `select queue, reason_class, count(*)::int as count, min(died_at) as oldest_at
       from kernel.dead_letter where state = 'dead'
       group by queue, reason_class order by count(*) desc, queue, reason_class limit ${String(SUMMARY_ROWS)}`,
    );
  }

  async count(filter: LetterFilter): Promise<number> {
    const { sql, parameters } = conditions(filter);
    const [row] = await this.database.query<{ count: number }>(
      `select count(*)::int as count from kernel.dead_letter where ${sql}`,
      parameters,
    );
    return row?.count ?? 0;
  }

  /** Marks a dead letter as redriven. Undefined when there is none of that id, or it is redriven already. */
  async takeOne(id: string): Promise<DeadLetterRow | undefined> {
    const [letter] = await this.unitOfWork.query<DeadLetterRow>(
      `update kernel.dead_letter set state = 'redriven', redriven_at = now()
       where id = $1 and state = 'dead' returning ${NAMES.join()}`,
      [id],
    );
    return letter;
  }

  /**
   * Marks the next dead letters behind the place as redriven, oldest first: at most `limit`, and no more than 8 MiB of
   * payload unless a single one is larger. Those that somebody else takes just now are left out.
   */
  async takeNext(
    filter: LetterFilter,
    limit: number,
    after?: LetterPlace,
  ): Promise<DeadLetterRow[]> {
    const { sql, parameters, add } = conditions({ ...filter, state: 'dead' });
    const place =
      after === undefined ? '' : ` and (died_at, id) > (${add(after[0])}, ${add(after[1])})`;
    const rows = await this.unitOfWork.query<DeadLetterRow>(
      `with next as (
         select id, died_at, octet_length(payload) as bytes from kernel.dead_letter
         where ${sql}${place} order by died_at, id limit ${add(limit)} for update skip locked),
       sized as (
         select id, sum(bytes) over place as total, row_number() over place as nth
         from next window place as (order by died_at, id))
       update kernel.dead_letter set state = 'redriven', redriven_at = now()
       where id in (select id from sized where total <= ${String(CHUNK_BYTES)} or nth = 1)
       returning ${NAMES.join()}`,
      parameters,
    );
    return rows.sort((a, b) => a.died_at.getTime() - b.died_at.getTime() || (a.id < b.id ? -1 : 1));
  }

  /** False when there is none of that id. */
  async discard(id: string): Promise<boolean> {
    const rows = await this.database.query(
      `delete from kernel.dead_letter where id = $1 returning 1 as discarded`,
      [id],
    );
    return rows.length === 1;
  }

  /** Forgets at most `limit` letters that died longer ago; returns how many. */
  async purge(days: number, limit: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `with old as (
         delete from kernel.dead_letter where ctid = any(array(
           select ctid from kernel.dead_letter
           where died_at < now() - make_interval(days => $1) order by died_at limit $2))
         returning 1)
       select count(*)::int as count from old`,
      [days, limit],
    );
    return row?.count ?? 0;
  }

  /** The dead ones of each queue that has some. It skips from queue to queue, so its cost is bounded. */
  countDead(): Promise<{ queue: string; count: number }[]> {
    return this.database.query<{ queue: string; count: number }>(
      `with recursive queues as (
         select min(queue) as queue from kernel.dead_letter where state = 'dead'
         union all
         select (select min(queue) from kernel.dead_letter where state = 'dead' and queue > queues.queue)
         from queues where queue is not null)
       select queue, (select count(*)::int from (
           select 1 from kernel.dead_letter letter
           where letter.queue = queues.queue and state = 'dead' limit ${String(COUNTED)}) as counted) as count
       from queues where queue is not null`,
    );
  }
}

/** The filter as SQL; `add` takes further parameters. */
function conditions(filter: LetterFilter) {
  const parameters: unknown[] = [];
  const add = (value: unknown) => `$${String(parameters.push(value))}`;
  const found = ['true'];
  const text = (value: string | undefined, condition: (place: string) => string) => {
    if (value !== undefined) found.push(condition(add(storable(value))));
  };
  text(filter.queue, (place) => `queue = ${place}`);
  text(filter.route, (place) => `route = ${place}`);
  text(filter.reason, (place) => `strpos(lower(reason), lower(${place})) > 0`);
  text(filter.message_id, (place) => `md5(message_id) = md5(${place}) and message_id = ${place}`);
  // Written out, so that the index of the dead is found.
  if (filter.state !== undefined) found.push(`state = '${filter.state}'`);
  if (filter.died_after !== undefined) found.push(`died_at > ${add(new Date(filter.died_after))}`);
  if (filter.died_before !== undefined)
    found.push(`died_at < ${add(new Date(filter.died_before))}`);
  return { sql: found.join(' and '), parameters, add };
}

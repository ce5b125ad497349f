import { Injectable } from '@nestjs/common';
import { contextHeaders } from '../../kernel/messaging/message-headers.js';
import type { TraceContext } from '../../kernel/observability/trace-context.js';
import { eventMessage } from '../../kernel/outbox/outbox-message.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { UnitOfWork } from '../../kernel/persistence/unit-of-work.js';
import { LineEvent, type LineEventChanged } from './domain/line-event.js';
import type { LineEventState, SavedLineEvent } from './domain/line-event.state.js';
import { type LineEventRow, toSaved, toView } from './line-event.rows.js';

/** A change to be saved, and whose business it is part of. */
export interface ToldChange {
  readonly event: LineEventChanged;
  readonly context: TraceContext | undefined;
}

const COLUMNS = 'id, version, ratio, deadline, status, result, created_at, changed_at';
/** The changes, each with its place in the feed behind those that are counted already. */
const GIVEN = `(select given.*, counted.before + place as feed_version from counted, (
    select id, version, ratio, deadline, status, result::json, created_at, changed_at, place
    from unnest($2::text[], $3::int[], $4::int[], $5::timestamptz[], $6::text[], $7::text[], $8::timestamptz[],
      $9::timestamptz[], $10::int[]) as given (${COLUMNS}, place)) as given)`;
/**
 * The one row that all writers update, as the last of their locks: whoever has it commits before the next one may count, so
 * numbers are given in the order of commits, and without gaps.
 */
const COUNTED = `counted as (update line_provider.feed set version = version + $1 returning version - $1 as before)`;

/**
 * The only code that writes events of the line: set-based, in the open Unit of Work. Saving numbers the changes and
 * appends them to the outbox.
 */
@Injectable()
export class LineEventRepository {
  constructor(
    private readonly unitOfWork: UnitOfWork,
    private readonly outbox: Outbox,
  ) {}

  /** The database's time. Asked after locks were waited for, it is the time at which they were had. */
  async now(): Promise<Date> {
    const [row] = await this.unitOfWork.query<{ now: Date }>(`select clock_timestamp() as now`);
    if (!row) throw new Error('Postgres does not know the time');
    return row.now;
  }

  /** Keeps all others from saving until the end of the transaction, so that what is read now stays true. */
  async lockFeed(): Promise<void> {
    await this.unitOfWork.query(`select from line_provider.feed for update`);
  }

  async existing(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.unitOfWork.query<{ id: string }>(
      `select id from line_provider.event where id = any($1)`,
      [ids],
    );
    return new Set(rows.map((row) => row.id));
  }

  /** Locks and loads; ids that name no event are left out. */
  async loadMany(ids: readonly string[]): Promise<SavedLineEvent[]> {
    const rows = await this.unitOfWork.query<LineEventRow>(
      // The order keeps two batches from waiting for each other.
      `select * from line_provider.event where id = any($1) order by id for update`,
      [ids],
    );
    return rows.map(toSaved);
  }

  /** Locks and loads events whose deadline has passed while they are open; those that somebody changes are left out. */
  async loadDue(limit: number): Promise<LineEvent[]> {
    const rows = await this.unitOfWork.query<LineEventRow>(
      `select * from line_provider.event
       where status in ('open', 'suspended') and deadline <= clock_timestamp()
       order by deadline limit $1 for update skip locked`,
      [limit],
    );
    return rows.map((row) => LineEvent.of(toSaved(row)));
  }

  /** New events, whose ids nobody has: the feed must be locked since that was looked up. */
  async insertMany(changes: readonly ToldChange[]): Promise<SavedLineEvent[]> {
    return this.#save(
      changes,
      `inserted as (insert into line_provider.event (${COLUMNS}, feed_version)
       select ${COLUMNS}, feed_version from ${GIVEN} as saved)`,
    );
  }

  /** Changes in their order; of several to one event all are told, and the last is what is kept. */
  async saveMany(changes: readonly ToldChange[]): Promise<SavedLineEvent[]> {
    return this.#save(
      changes,
      `updated as (update line_provider.event set version = saved.version, ratio = saved.ratio, deadline = saved.deadline,
         status = saved.status, result = saved.result, feed_version = saved.feed_version, changed_at = saved.changed_at
       from ${GIVEN} as saved where event.id = saved.id)`,
    );
  }

  async #save(changes: readonly ToldChange[], write: string): Promise<SavedLineEvent[]> {
    if (changes.length === 0) return [];
    const last = new Map(changes.map(({ event: { data } }, index) => [data.id, { data, index }]));
    const [counted] = await this.unitOfWork.query<{ before: string }>(
      `with ${COUNTED}, ${write} select before from counted`,
      [changes.length, ...columnsOf([...last.values()])],
    );
    if (!counted) throw new Error('line_provider.feed has lost its row');
    const saved = changes.map(({ event: { data } }, index) => ({
      ...data,
      feedVersion: String(BigInt(counted.before) + BigInt(index + 1)),
    }));
    await this.outbox.append(
      saved.map((state, index) =>
        messageOf(changes[index]?.event.type ?? '', state, changes[index]?.context),
      ),
    );
    return saved;
  }
}

function messageOf(type: string, event: SavedLineEvent, context: TraceContext | undefined) {
  return eventMessage({ type, key: event.id, data: toView(event) }, contextHeaders(context));
}

function columnsOf(changes: readonly { data: LineEventState; index: number }[]): unknown[][] {
  const column = (of: (state: LineEventState) => unknown) => changes.map(({ data }) => of(data));
  return [
    column((state) => state.id),
    column((state) => state.version),
    column((state) => state.ratio),
    column((state) => state.deadline),
    column((state) => state.status),
    column((state) => state.result && JSON.stringify(state.result)),
    column((state) => state.createdAt),
    column((state) => state.changedAt),
    changes.map(({ index }) => index + 1),
  ];
}

import type { LoggerService } from '@nestjs/common';
import { type Db, type JobInsert, type JobWithMetadata, PgBoss } from 'pg-boss';
import { DEAD_LETTERS_SUFFIX } from '../broker.js';

/** pg-boss's own schema; nothing but this file and pg-boss speaks to it. */
const SCHEMA = 'broker';
const TEN_YEARS_S = 315_360_000;
const ONE_DAY_S = 86_400;
const TOUCHES_PER_HOLD = 4;

export interface JobStoreOptions {
  readonly databaseUrl: string;
  readonly poolSize: number;
  /** How long a message stays with a process that gives no sign of life. pg-boss takes no less than 10. */
  readonly holdSeconds: number;
  /** How often one of the processes looks for messages held by the dead. */
  readonly superviseSeconds: number;
  readonly deliveryLimit: number;
  readonly logger: Pick<LoggerService, 'warn' | 'error'>;
  /** Called for an error that no call of ours can report: a lost idle connection, failed maintenance. */
  readonly onError: () => void;
}

export type Job = JobWithMetadata<unknown>;

/** Where a job is put instead of the one that it replaces; the delay is zero when it is due at once. */
export interface NewJob {
  readonly queue: string;
  readonly data: object;
  readonly delayMs?: number;
}

/** The name of the queue that takes the dead letters of a queue; those of a dead letter queue stay in it. */
export function deadLettersOf(queue: string): string {
  return queue.endsWith(DEAD_LETTERS_SUFFIX) ? queue : `${queue}${DEAD_LETTERS_SUFFIX}`;
}

/**
 * Queues of durable jobs in Postgres: pg-boss with the settings that make a message queue of it. A job is deleted as
 * soon as it is settled, so the tables hold only what is unsettled. A held job is kept by touching it; one that nobody
 * touched for `holdSeconds` goes back to its queue, and after `deliveryLimit` such returns to its dead letters.
 */
export class JobStore {
  readonly #boss: PgBoss;
  readonly #known = new Set<string>();
  readonly touchEveryMs: number;

  constructor(private readonly options: JobStoreOptions) {
    this.touchEveryMs = (options.holdSeconds * 1_000) / TOUCHES_PER_HOLD;
    this.#boss = new PgBoss({
      connectionString: options.databaseUrl,
      application_name: 'millrace-broker',
      max: options.poolSize,
      connectionTimeoutMillis: 5_000,
      schema: SCHEMA,
      schedule: false,
      superviseIntervalSeconds: options.superviseSeconds,
      monitorIntervalSeconds: options.superviseSeconds,
      maintenanceIntervalSeconds: ONE_DAY_S, // it deletes settled jobs, and ours are gone by then
      flowIntervalSeconds: ONE_DAY_S, // job dependencies are not used
      warningQueueSize: 1_000_000,
    });
    this.#boss.on('error', (error) => {
      options.logger.warn(`Postgres broker: ${error.message}`);
      options.onError();
    });
    this.#boss.on('warning', ({ message }) => {
      options.logger.warn(`Postgres broker: ${message}`);
    });
  }

  /** Installs or migrates the schema; any number of processes may do so at once. May be repeated when it threw. */
  async start(): Promise<void> {
    await this.#boss.start();
    await this.sql(ORDERED_ROWS);
  }

  async stop(): Promise<void> {
    await this.#boss.stop({ graceful: false, close: true });
  }

  /** Makes a queue and its dead letter queue exist. */
  async createQueue(name: string): Promise<void> {
    const deadLetters = deadLettersOf(name);
    if (deadLetters !== name) await this.createQueue(deadLetters);
    if (this.#known.has(name)) return;
    if ((await this.#boss.getQueue(name)) === null) {
      await this.#boss.createQueue(name, {
        // A table of its own: another queue's backlog and churn do not slow this one.
        partition: deadLetters !== name,
        ...(deadLetters === name ? {} : { deadLetter: deadLetters }),
        retryLimit: this.options.deliveryLimit,
        heartbeatSeconds: this.options.holdSeconds,
        expireInSeconds: ONE_DAY_S,
        retentionSeconds: TEN_YEARS_S, // pg-boss deletes waiting jobs that are older
      });
    }
    await this.#tuneVacuum(name);
    this.#known.add(name);
  }

  /** Without dead letters, and without a table of its own: for little that need not last. */
  async createTransientQueue(name: string): Promise<void> {
    await this.#boss.createQueue(name, {
      retryLimit: this.options.deliveryLimit,
      heartbeatSeconds: this.options.holdSeconds,
    });
  }

  /** With all that is in it. That another process deletes it just now is no error. */
  async deleteQueue(name: string): Promise<void> {
    try {
      await this.#boss.deleteQueue(name);
    } catch (error) {
      if (await this.exists(name)) throw error;
    }
  }

  async exists(queue: string): Promise<boolean> {
    return (await this.#boss.getQueue(queue)) !== null;
  }

  /** Inserts in order. All or nothing; throws when a queue does not exist. */
  async insert(jobs: readonly NewJob[]): Promise<void> {
    const byQueue = Map.groupBy(jobs, (job) => job.queue);
    if (byQueue.size === 1) return this.#insertGroups(byQueue);
    await this.#transaction((db) => this.#insertGroups(byQueue, db));
  }

  /** The oldest jobs that are due, in the order of their publishing, held by this process from now on. */
  async fetch(queue: string, limit: number): Promise<Job[]> {
    return this.#boss.fetch<unknown>(queue, { batchSize: limit, includeMetadata: true });
  }

  /** Resolves to the ids that were there to delete. */
  async delete(queue: string, ids: string[]): Promise<Set<string>> {
    return new Set(settledIds(await this.#boss.deleteJob(queue, ids)));
  }

  /**
   * Replaces jobs by others in one transaction. Resolves to the ids that were replaced: one that is missing had been
   * lost to another process meanwhile and is left alone.
   */
  async replace(queue: string, replacements: ReadonlyMap<string, NewJob>): Promise<Set<string>> {
    return this.#transaction(async (db) => {
      const response = await this.#boss.deleteJob(queue, [...replacements.keys()], { db });
      const replaced = new Set(settledIds(response));
      const jobs = [...replacements].filter(([id]) => replaced.has(id)).map(([, job]) => job);
      await this.#insertGroups(
        Map.groupBy(jobs, (job) => job.queue),
        db,
      );
      return replaced;
    });
  }

  /** Keeps held jobs held. */
  async touch(queue: string, ids: string[]): Promise<void> {
    await this.#boss.touch(queue, ids);
  }

  /** Puts held jobs back into their queue at once; it counts as one return. */
  async release(queue: string, ids: string[]): Promise<void> {
    await this.#boss.fail(queue, ids, { message: 'given back unsettled' });
  }

  /** Puts back every job that anybody holds. */
  async releaseAll(queue: string): Promise<void> {
    const rows = await this.sql(
      `select id from ${SCHEMA}.job where name = $1 and state = 'active'`,
      [queue],
    );
    if (rows.length > 0) {
      await this.release(
        queue,
        rows.map((row) => String(row['id'])),
      );
    }
  }

  /** Jobs that are due and not held. pg-boss's own statistics may be a minute old. */
  async depth(queue: string): Promise<number> {
    const rows = await this.sql(
      `select count(*)::int as depth from ${SCHEMA}.job
       where name = $1 and state < 'active' and not blocked and start_after <= now()`,
      [queue],
    );
    return Number(rows[0]?.['depth'] ?? 0);
  }

  async delayed(queue: string): Promise<number> {
    const rows = await this.sql(
      `select count(*)::int as delayed from ${SCHEMA}.job
       where name = $1 and state < 'active' and start_after > now()`,
      [queue],
    );
    return Number(rows[0]?.['delayed'] ?? 0);
  }

  async sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    const { rows } = await this.#boss.getDb().executeSql(text, values);
    return rows as Record<string, unknown>[];
  }

  /** Several statements in one transaction. */
  async transact(statements: readonly (readonly [text: string, values?: unknown[]])[]) {
    await this.#transaction(async (db) => {
      for (const [text, values] of statements) await db.executeSql(text, values);
    });
  }

  /** A connection of its own that listens, and listens again after it was lost; `onReconnect` says so. */
  async listen(
    channel: string,
    onNotification: (payload: string) => void,
    onReconnect: () => void,
  ) {
    const db = this.#boss.getDb();
    if (!db.listen) throw new Error('This build of pg-boss cannot listen for notifications.');
    return db.listen(channel, onNotification, onReconnect);
  }

  async #insertGroups(byQueue: Map<string, NewJob[]>, db?: Db): Promise<void> {
    for (const [queue, jobs] of byQueue) {
      const options = { returnId: true, ...(db ? { db } : {}) };
      const ids = await this.#boss.insert(queue, jobs.map(toInsert), options);
      // pg-boss leaves out, without an error, what is meant for a queue that was deleted behind its cache.
      if (ids?.length !== jobs.length) throw new Error(`Queue ${queue} took not every message`);
    }
  }

  async #transaction<Result>(work: (db: Db) => Promise<Result>): Promise<Result> {
    const transaction = await this.#boss.getDb().beginTransaction?.();
    if (!transaction) throw new Error('This build of pg-boss cannot open transactions.');
    try {
      const result = await work(transaction.db);
      await transaction.commit();
      return result;
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  }

  /** Every message is three row versions within a second: vacuum by count, at full speed, not by share of the table. */
  async #tuneVacuum(queue: string): Promise<void> {
    const table = (await this.#boss.getQueue(queue))?.table;
    if (table === undefined) throw new Error(`Queue ${queue} was not created`);
    const [found] = await this.sql(
      `select reloptions is null as untuned from pg_class where oid = to_regclass($1)`,
      [`${SCHEMA}.${table}`],
    );
    if (found?.['untuned'] !== true) return;
    await this.sql(
      `alter table ${SCHEMA}.${table} set (autovacuum_vacuum_scale_factor = 0,
       autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0,
       autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000)`,
    );
  }
}

function toInsert({ data, delayMs = 0 }: NewJob): JobInsert {
  return delayMs === 0 ? { data } : { data, startAfter: delayMs / 1_000 };
}

/** pg-boss 12 answers the ids beside the documented count; the type says only that it is an object. */
function settledIds(response: object): string[] {
  if ('settled' in response && Array.isArray(response.settled)) return response.settled as string[];
  throw new Error('pg-boss did not say which jobs it deleted');
}

/**
 * pg-boss stamps all rows of one insert with the transaction's instant and breaks the tie by place in the heap, which
 * is no order once vacuum has made holes. The trigger gives every new row an instant of its own. A job that comes back
 * is inserted in another state and keeps its instant, and so its place.
 */
const ORDERED_ROWS = `
  select pg_advisory_xact_lock(hashtextextended('millrace.broker', 0));
  create or replace function ${SCHEMA}.millrace_stamp() returns trigger language plpgsql as
    $$ begin new.created_on := clock_timestamp(); return new; end $$;
  do $$ begin
    if not exists (select from pg_trigger
                   where tgrelid = '${SCHEMA}.job'::regclass and tgname = 'millrace_stamp') then
      create trigger millrace_stamp before insert on ${SCHEMA}.job
        for each row when (new.state = 'created') execute function ${SCHEMA}.millrace_stamp();
    end if;
  end $$`;

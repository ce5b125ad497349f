import type { LoggerService } from '@nestjs/common';
import { uuidv7 } from 'uuidv7';
import type { JobStore } from './job-store.js';

export interface ProcessQueueOptions {
  readonly store: JobStore;
  readonly logger: Pick<LoggerService, 'warn'>;
  /** A queue whose process gave no sign of life for so long is removed by another one; it gives four meanwhile. */
  readonly deadAfterMs: number;
}

const SCHEMA = `
  select pg_advisory_xact_lock(hashtextextended('millrace.replies', 0));
  create schema if not exists broker_topology;
  create table if not exists broker_topology.reply_queue (
    name text primary key, seen_at timestamptz not null default now()
  )`;
const SIGNS_OF_LIFE = 4;

/**
 * A queue that lives as long as its process: it says at intervals that it is there, and removes the queues of those that
 * said nothing for too long. A process that only seemed to be dead makes its queue anew.
 */
export class ProcessQueue {
  readonly name = `replies.${uuidv7()}`;
  readonly #options: ProcessQueueOptions;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;

  constructor(options: ProcessQueueOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    await this.#options.store.sql(SCHEMA);
    await this.#beat();
    this.#timer = setInterval(() => {
      this.#beating ??= this.#beat()
        .catch((error: unknown) => {
          this.#options.logger.warn(`Keeping the reply queue failed: ${String(error)}`);
        })
        .finally(() => (this.#beating = undefined));
    }, this.#options.deadAfterMs / SIGNS_OF_LIFE);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    await this.#remove(this.name);
  }

  async #beat(): Promise<void> {
    const { store, deadAfterMs } = this.#options;
    await store.sql(
      `insert into broker_topology.reply_queue (name) values ($1)
       on conflict (name) do update set seen_at = now()`,
      [this.name],
    );
    if (!(await store.exists(this.name))) await store.createTransientQueue(this.name);
    const dead = await store.sql(
      `select name from broker_topology.reply_queue
       where seen_at < now() - make_interval(secs => $1)`,
      [deadAfterMs / 1_000],
    );
    for (const { name } of dead) await this.#remove(String(name));
  }

  /** The row goes last, so that what a crash leaves behind is found again. */
  async #remove(queue: string): Promise<void> {
    const { store } = this.#options;
    await store.deleteQueue(queue);
    await store.sql(`delete from broker_topology.reply_queue where name = $1`, [queue]);
  }
}

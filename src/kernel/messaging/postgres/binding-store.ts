import { COMMANDS_EXCHANGE, RefusedError } from '../broker.js';
import type { JobStore } from './job-store.js';
import { TopicRouter } from './topic-router.js';

export interface Binding {
  readonly exchange: string;
  readonly routingKey: string;
  readonly queue: string;
}

const LOCK = `select pg_advisory_xact_lock(hashtextextended('millrace.bindings', 0))`;
const SCHEMA = `${LOCK};
  create schema if not exists broker_topology;
  create table if not exists broker_topology.binding (
    seq bigint generated always as identity primary key,
    exchange text not null, routing_key text not null, queue text not null,
    unique (exchange, routing_key, queue)
  )`;

/**
 * The bindings of all processes, kept in Postgres since the publisher of a message and its consumer need not be the
 * same process, and compiled in memory. Bindings are only added, under a lock, so that their numbers ascend in commit
 * order; `refresh` reads only those that are new. A binding committed before a publish began is therefore seen by it.
 */
export class BindingStore {
  readonly #router = new TopicRouter();
  #lastSeq = '0';
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();

  constructor(private readonly store: JobStore) {}

  async install(): Promise<void> {
    await this.store.sql(SCHEMA); // one simple query is one transaction
  }

  async add(bindings: readonly Binding[]): Promise<void> {
    await this.refresh();
    const missing = bindings.filter((b) => !this.#router.has(b.exchange, b.routingKey, b.queue));
    if (missing.length === 0) return;
    const insert = `insert into broker_topology.binding (exchange, routing_key, queue)
      select * from unnest($1::text[], $2::text[], $3::text[]) on conflict do nothing`;
    const columns = (['exchange', 'routingKey', 'queue'] as const).map((c) =>
      missing.map((binding) => binding[c]),
    );
    await this.store.transact([[LOCK], [insert, columns]]);
    await this.refresh();
  }

  /** Reads what was added since; calls that wait at the same time share one statement that begins after them. */
  refresh(): Promise<void> {
    this.#next ??= this.#readAfter(this.#current);
    return this.#next;
  }

  route(exchange: string, routingKey: string): readonly string[] {
    return this.#router.route(exchange, routingKey);
  }

  async #readAfter(current: Promise<void>): Promise<void> {
    await Promise.allSettled([current]); // its failure was reported to those who asked for it
    this.#current = this.#next ?? current;
    this.#next = undefined;
    const rows = await this.store.sql(
      `select seq, exchange, routing_key, queue from broker_topology.binding where seq > $1 order by seq`,
      [this.#lastSeq],
    );
    for (const row of rows) {
      this.#router.add(String(row['exchange']), String(row['routing_key']), String(row['queue']));
      this.#lastSeq = String(row['seq']);
    }
  }
}

/** The refusal of a command that no queue takes. */
export class UnroutableError extends RefusedError {
  override readonly name = 'UnroutableError';
  constructor(routingKey: string) {
    super(`unroutable: no queue of ${COMMANDS_EXCHANGE} takes ${routingKey}`);
  }
}

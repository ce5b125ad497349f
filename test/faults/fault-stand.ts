import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import pg from 'pg';
import type { Role } from '../../src/kernel/env.js';
import { type Lease, testDatabase, testUrl, testVhost } from '../support/services.js';
import { spawnApp, type SpawnedApp } from '../support/spawned-app.js';
import { until } from '../support/until.js';
import { FinishEvents } from './finish-events.js';
import { Load, type LoadOptions } from './load.js';

/** The tasks as they are deployed: every part in a process of its own. */
const PARTS = {
  api: ['api'],
  worker: ['worker'],
  relay: ['relay', 'scheduler'],
} as const satisfies Record<string, readonly Role[]>;

export type Part = keyof typeof PARTS;
export const PART_NAMES = Object.keys(PARTS) as Part[];

export interface StandOptions {
  /** Default: a database, and a virtual host, of its own on the test servers. */
  readonly databaseUrl?: string;
  readonly amqpUrl?: string;
  /** Default: one process of each. */
  readonly parts?: readonly Part[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Ground {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly leases: readonly Lease[];
}

const LOOK_EVERY_MS = 100;

/**
 * Notes every start and every end of a task where the program cannot help it, in the transaction that causes it. A
 * second end of a task, or any later write to an ended one, leaves a second row.
 */
const AUDIT = `
  create schema audit;
  create table audit.change (task_id uuid not null, status text not null);
  create function audit.note() returns trigger language plpgsql as $$ begin
    insert into audit.change values (new.id, new.status); return null; end $$;
  create trigger audit_end after update on tasks.task for each row
    when (new.status in ('succeeded', 'failed', 'cancelled')) execute function audit.note();
  create trigger audit_start after update on tasks.task for each row
    when (new.status = 'in_progress' and old.status <> 'in_progress') execute function audit.note();`;

const LEFT_TO_DO = `select
  (select count(*) from tasks.task where status in ('new', 'in_progress'))::int as tasks,
  (select count(*) from kernel.outbox)::int as outbox,
  (select count(*) from kernel.delayed_message)::int as delayed,
  (select count(*) from kernel.parked_message)::int as parked`;

const started = new Set<FaultStand>();

/**
 * A database, a broker, a subscriber, and the processes between them, which a test may kill and start again.
 * All of it ends with the test (`afterEach`), however that went.
 */
export class FaultStand {
  readonly #apps = new Map<string, SpawnedApp>();
  readonly #loads: Load[] = [];
  readonly #pool: pg.Pool;
  #events: FinishEvents | undefined;

  private constructor(
    private readonly ground: Ground,
    private readonly env: Readonly<Record<string, string>>,
  ) {
    this.#pool = new pg.Pool({ connectionString: ground.databaseUrl, max: 4 });
    this.#pool.on('error', () => undefined); // an idle connection to a server that is being killed
  }

  static async start({ parts, env = {}, ...given }: StandOptions = {}): Promise<FaultStand> {
    const stand = new FaultStand(await groundOf(given), env);
    started.add(stand);
    const queue = `subscriber-${randomUUID()}`;
    stand.#events = await FinishEvents.subscribe(stand.ground.amqpUrl, queue);
    await stand.#pool.query(AUDIT);
    await Promise.all((parts ?? PART_NAMES).map((part) => stand.spawn(part)));
    return stand;
  }

  get amqpUrl(): string {
    return this.ground.amqpUrl;
  }

  get hasEnded(): boolean {
    return this.#pool.ended;
  }

  get events(): FinishEvents {
    if (!this.#events) throw new Error('The subscriber is not there yet');
    return this.#events;
  }

  /** Clients of its API, which stop with it. */
  load(options: Omit<LoadOptions, 'url'> & Partial<Pick<LoadOptions, 'url'>>): Load {
    const load = new Load({ url: () => this.url, ...options });
    this.#loads.push(load);
    return load;
  }

  /** Starts a process of that part; `as` names a second one. */
  async spawn(part: Part, as: string = part): Promise<SpawnedApp> {
    const app = await spawnApp({
      ...this.ground,
      roles: PARTS[part],
      env: { MODULES: 'tasks', REDIS_URL: testUrl('TEST_REDIS_URL'), ...this.env },
    });
    this.#apps.set(as, app);
    return app;
  }

  app(name: string): SpawnedApp {
    const app = this.#apps.get(name);
    if (!app) throw new Error(`There is no process ${name}`);
    return app;
  }

  /** Stops its clock and all it does, as a virtual machine that is paused. */
  freeze(name: string): void {
    process.kill(this.app(name).pid, 'SIGSTOP');
  }

  thaw(name: string): void {
    process.kill(this.app(name).pid, 'SIGCONT');
  }

  get url(): string {
    return this.app('api').http.url;
  }

  async sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.#pool.query<Row>(text, values)).rows;
  }

  async count(sql: string): Promise<number> {
    const [row] = await this.sql<{ count: number }>(`select count(*)::int as count from ${sql}`);
    return row?.count ?? 0;
  }

  finished(): Promise<number> {
    return this.count(`tasks.task where status in ('succeeded', 'failed', 'cancelled')`);
  }

  /** Waits until every task has ended and nothing is left to be sent; then for the subscriber to have heard. */
  async settled({ withinMs, heard }: { withinMs: number; heard?: () => Promise<boolean> }) {
    let left: unknown;
    const isSettled = async () => {
      await delay(LOOK_EVERY_MS);
      [left] = await this.sql<Record<string, number>>(LEFT_TO_DO);
      if (Object.values(left as object).some((count) => count > 0)) return false;
      return heard ? heard() : true;
    };
    try {
      await until(isSettled, { withinMs, what: 'everything settled' });
    } catch (error) {
      const logs = [...this.#apps].map(([name, app]) => `--- ${name}\n${warningsOf(app)}`);
      const about = `${JSON.stringify(left)}, the subscriber knows ${this.events.tasks} tasks
${await this.#whatHinders()}`;
      throw new Error(`Not settled: ${about}\n${logs.join('\n')}`, { cause: error });
    }
  }

  /** What is left, and who may hold it. */
  async #whatHinders(): Promise<string> {
    const tasks = await this.sql(
      `select status, lease_owner, lease_owner in (select id from tasks.worker where expires_at > now()) as alive,
              count(*)::int as tasks, min(updated_at) as since
       from tasks.task where status in ('new', 'in_progress') group by 1, 2, 3`,
    );
    const transactions = await this.sql(
      `select state, wait_event_type, left(query, 80) as query, now() - xact_start as age from pg_stat_activity
       where datname = current_database() and xact_start < now() - interval '2 seconds'`,
    );
    return inspect({ tasks, transactions }, { depth: 4 });
  }

  async end(): Promise<void> {
    this.#loads.forEach((load) => load.stop());
    await this.#events?.close();
    await this.#pool.end();
    await Promise.all(this.ground.leases.map((lease) => lease.release()));
  }
}

afterEach(async () => {
  const stands = [...started];
  started.clear();
  const outcomes = await Promise.allSettled(stands.map((stand) => stand.end()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
});

async function groundOf({ databaseUrl, amqpUrl }: StandOptions): Promise<Ground> {
  const leases: Lease[] = [];
  const own = (lease: Lease) => {
    leases.push(lease);
    return lease.url;
  };
  return {
    databaseUrl: databaseUrl ?? own(await testDatabase()),
    amqpUrl: amqpUrl ?? own(await testVhost()),
    leases,
  };
}

/** Waits, with a look ten times a second. */
export function eachMoment(ask: () => boolean | Promise<boolean>, withinMs: number, what: string) {
  const look = async () => {
    await delay(LOOK_EVERY_MS / 10);
    return ask();
  };
  return until(look, { withinMs, what });
}

function warningsOf(app: SpawnedApp): string {
  const warnings = app.log.filter((line) => !/"level":("info"|30)/.test(line));
  return warnings.slice(-15).join('\n');
}

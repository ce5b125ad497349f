import { mkdtempSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import pg from 'pg';
import type { CrashPoint } from '../../../src/kernel/crash-points.js';
import type { Role } from '../../../src/kernel/env.js';
import type { Broker } from '../../../src/kernel/messaging/broker.js';
import { PostgresBroker } from '../../../src/kernel/messaging/postgres/postgres-broker.js';
import { RabbitMqBroker } from '../../../src/kernel/messaging/rabbitmq/rabbitmq-broker.js';
import { type TcpProxy, tcpProxy } from '../../contract/tcp-proxy.js';
import { type Lease, testDatabase, testVhost } from '../../support/services.js';
import { spawnApp, type SpawnedApp } from '../../support/spawned-app.js';
import { until } from '../../support/until.js';
import { tell } from '../exactly-once.js';
import { CHAIN_TABLES, SCOPES } from './chain.module.js';
import { ChainLoad, type ChainLoadOptions } from './chain-load.js';
import { Journal } from './journal.js';
import { type Appended, type AtScope, type Verdict, verdictOf } from './verdict.js';

const PROGRAM = 'test/faults/chain/chain-app.child.ts';
const APP = 'app';
const LOOK_EVERY_MS = 50;
const QUIET_MS = 200;
/** Of the scopes' retry ladder. */
const RETRY_QUEUES = ['retry.1s'];
const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };

export interface ChainOptions {
  /** Default: RabbitMQ. */
  readonly broker?: 'postgres' | 'rabbitmq';
  /** Default: a virtual host of its own on the test server. */
  readonly amqpUrl?: string;
}

export interface ProcessOptions {
  /** Default: all of them. */
  readonly roles?: readonly Role[];
  /** Default: `app`. */
  readonly as?: string;
  readonly crashAt?: `${CrashPoint}:${number}`;
  readonly env?: Readonly<Record<string, string>>;
}

/** A server, and the line by which the processes reach it. */
interface Server {
  readonly url: string;
  readonly line: TcpProxy;
  readonly byLine: string;
}

const started = new Set<ChainStand>();

/**
 * A database and a broker, each behind a line that a test can cut, and processes of the chain's program that it may
 * kill. All of it ends with the test (`afterEach`), however that went.
 */
export class ChainStand {
  readonly #apps = new Map<string, SpawnedApp>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-chain-'));
  readonly #journalFile = join(this.#folder, 'journal');
  readonly #pool: pg.Pool;
  readonly #loads: ChainLoad[] = [];
  readonly journal = new Journal(this.#journalFile);
  /** Of the test itself, past the line. */
  readonly broker: Broker;

  private constructor(
    private readonly leases: readonly Lease[],
    private readonly database: Server,
    private readonly amqp: Server | undefined,
  ) {
    this.#pool = new pg.Pool({ connectionString: database.url, max: 4 });
    this.#pool.on('error', () => undefined); // an idle connection while its database is dropped
    this.broker = amqp
      ? new RabbitMqBroker({ url: amqp.url, logger: silent })
      : new PostgresBroker({ databaseUrl: database.url, logger: silent });
  }

  static async start({ broker = 'rabbitmq', amqpUrl }: ChainOptions = {}): Promise<ChainStand> {
    const leases: Lease[] = [await testDatabase()];
    const [database] = leases as [Lease];
    if (broker === 'rabbitmq' && amqpUrl === undefined) leases.push(await testVhost());
    const amqp = broker === 'rabbitmq' ? (amqpUrl ?? leases[1]?.url) : undefined;
    const servers = [
      await serverBehindALine(database.url),
      amqp === undefined ? undefined : await serverBehindALine(amqp),
    ] as const;
    const stand = new ChainStand(leases, ...servers);
    started.add(stand);
    await stand.#pool.query(CHAIN_TABLES);
    await stand.broker.start();
    return stand;
  }

  /** To Postgres. */
  get databaseLine(): TcpProxy {
    return this.database.line;
  }

  /** To RabbitMQ. */
  get brokerLine(): TcpProxy {
    if (!this.amqp) throw new Error('The broker is Postgres');
    return this.amqp.line;
  }

  /** On RabbitMQ. */
  get vhost(): string {
    return decodeURIComponent(new URL(this.amqp?.url ?? '').pathname.slice(1));
  }

  async spawn({ roles, as = APP, crashAt, env }: ProcessOptions = {}): Promise<SpawnedApp> {
    const app = await spawnApp({
      program: PROGRAM,
      databaseUrl: this.database.byLine,
      ...(this.amqp ? { amqpUrl: this.amqp.byLine } : {}),
      ...(roles ? { roles } : {}),
      mayCrash: crashAt !== undefined,
      env: {
        CHAIN_JOURNAL: this.#journalFile,
        SHUTDOWN_GRACE_MS: '5000',
        ...(crashAt ? { CRASH_AT: crashAt } : {}),
        ...env,
      },
    });
    this.#apps.set(as, app);
    return app;
  }

  app(name = APP): SpawnedApp {
    const app = this.#apps.get(name);
    if (!app) throw new Error(`There is no process ${name}`);
    return app;
  }

  /** Clients of a process, by default of `app`, which stop with the stand. */
  load(options: Partial<ChainLoadOptions> = {}): ChainLoad {
    const load = new ChainLoad({ url: () => this.app().http.url, ...options });
    this.#loads.push(load);
    return load;
  }

  async sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.#pool.query<Row>(text, values)).rows;
  }

  async count(sql: string): Promise<number> {
    const [row] = await this.sql<{ count: number }>(`select count(*)::int as count from ${sql}`);
    return row?.count ?? 0;
  }

  /** What the killed hold is free at once: shards, as after ten seconds, and messages in Postgres, as after twenty. */
  async leasesEnd(): Promise<void> {
    await this.sql(`delete from kernel.relay`);
    await this.sql(`update kernel.outbox_shard set owner = null, expires_at = null`);
    if (this.amqp) return;
    await this.sql(
      `update broker.job set heartbeat_on = '-infinity' where heartbeat_on is not null`,
    );
  }

  async verdict(): Promise<Verdict> {
    return verdictOf({
      attempts: this.#loads.reduce((sum, load) => sum + load.attempts, 0),
      confirmed: new Set(this.#loads.flatMap((load) => [...load.confirmed])),
      appended: await this.sql<Appended>(
        'select id, key, scope from chain.appended order by place',
      ),
      effects: await this.sql<AtScope>('select scope, id from chain.effect'),
      dead: await this.#deadLinks(),
      notes: this.journal.read(),
    });
  }

  /** Waits until every link has arrived everywhere, or died, and nothing is left on the way. */
  async settled(withinMs: number): Promise<void> {
    let left: object | undefined;
    const failed = (error: unknown) => ({ error: String(error) });
    const look = async () => ((await this.#isBusy()) ? undefined : this.#leftToDo());
    const isSettled = async () => {
      await delay(LOOK_EVERY_MS);
      left = await look().catch(failed);
      return isDeepStrictEqual(left, NOTHING_LEFT);
    };
    // Twice, because a message may be on its way from one place to the next during a look, or a duplicate at hand.
    const isQuiet = async () => {
      if (!(await isSettled())) return false;
      const notes = this.journal.size;
      await delay(QUIET_MS);
      return (await isSettled()) && this.journal.size === notes;
    };
    await until(isQuiet, { withinMs, what: 'everything settled' }).catch(async (error: unknown) => {
      left ??= await this.#leftToDo().catch(failed);
      const logs = [...this.#apps].map(([name, app]) => `--- ${name}\n${app.tail(15)}`);
      throw new Error(`Not settled: ${JSON.stringify(left)}\n${logs.join('\n')}`, { cause: error });
    });
  }

  /** Waits for that, stops the processes in good order, sees that no message was left, and judges. */
  async finish(scenario: string, withinMs: number, more: object = {}): Promise<Verdict> {
    const since = performance.now();
    await this.settled(withinMs);
    const ms = Math.round(performance.now() - since);
    for (const app of this.#apps.values()) if (app.isRunning) await app.stop();
    const verdict = await this.verdict();
    tell(scenario, verdict, { ...more, 'ms to settle': ms });
    expect(await this.#leftToDo()).toEqual(NOTHING_LEFT);
    return verdict;
  }

  async end(): Promise<void> {
    this.#loads.forEach((load) => load.stop());
    await Promise.all([...this.#apps.values()].map((app) => app.dispose()));
    await this.broker.close();
    await this.#pool.end();
    await Promise.all([this.database.line.close(), this.amqp?.line.close()]);
    await Promise.all(this.leases.map((lease) => lease.release()));
    rmSync(this.#folder, { recursive: true });
  }

  /** A look that costs little: judging reads all that ever happened, and would take the cores from the program. */
  async #isBusy(): Promise<boolean> {
    if ((await this.count('kernel.outbox')) > 0) return true;
    for (const scope of SCOPES) if ((await this.broker.depth(scope)) > 0) return true;
    return false;
  }

  async #leftToDo(): Promise<Record<string, number>> {
    const verdict = await this.verdict();
    const deadLetters = SCOPES.map((scope) => `${scope}.dlq`);
    const queues = [...SCOPES, ...deadLetters, ...(this.amqp ? RETRY_QUEUES : [])];
    // In Postgres those that somebody holds can be seen as well, even if it is dead.
    let queued = this.amqp ? 0 : await this.count(`broker.job where state = 'active'`);
    for (const queue of queues) queued += await this.broker.depth(queue);
    return {
      'of the chain': verdict.lost,
      outbox: await this.count('kernel.outbox'),
      parked: await this.count('kernel.parked_message'),
      queued,
    };
  }

  /** Links that are dead letters; what is no link at all is left out. */
  async #deadLinks(): Promise<AtScope[]> {
    const letters = await this.sql<{ scope: string; payload: Buffer }>(
      `select queue as scope, payload from kernel.dead_letter where state = 'dead'`,
    );
    return letters.flatMap(({ scope, payload }) => {
      const id = idIn(payload.toString());
      return id === undefined ? [] : [{ scope, id }];
    });
  }
}

const NOTHING_LEFT = { 'of the chain': 0, outbox: 0, parked: 0, queued: 0 };

afterEach(async () => {
  const stands = [...started];
  started.clear();
  const outcomes = await Promise.allSettled(stands.map((stand) => stand.end()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
});

async function serverBehindALine(url: string): Promise<Server> {
  const near = new URL(url);
  const line = await tcpProxy({ host: near.hostname, port: Number(near.port) });
  near.port = String(line.port);
  return { url, line, byLine: near.href };
}

function idIn(payload: string): string | undefined {
  try {
    const { id } = JSON.parse(payload) as { id?: unknown };
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

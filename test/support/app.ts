import { randomUUID } from 'node:crypto';
import { type DynamicModule, Module, type Type } from '@nestjs/common';
import type { Command, Query } from '@nestjs/cqrs';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { startApp, stopApp } from '../../src/app.js';
import { AppModule } from '../../src/app.module.js';
import { Clock } from '../../src/kernel/clock.js';
import { Mediator } from '../../src/kernel/cqrs/mediator.js';
import { DeadLetterCollector } from '../../src/kernel/dead-letters/dead-letter-collector.js';
import { ENV, type Env, loadEnv } from '../../src/kernel/env.js';
import {
  BROKER,
  type Broker,
  type BrokerMessage,
  COMMANDS_EXCHANGE,
  type Headers,
} from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import { MessageScopes } from '../../src/kernel/messaging/message-scopes.js';
import { MessageServer } from '../../src/kernel/messaging/message-server.js';
import { expectNoConsumers, expectNoTimers, expectNoTransactions } from './leaks.js';
import { HttpClient } from './http-client.js';
import { DeadLetters, Letters } from './letters.js';
import { testDatabase, testVhost, type Lease } from './services.js';
import { watchTimers } from './timers.js';
import { until, type UntilOptions } from './until.js';

export const BROKERS = ['postgres', 'rabbitmq'] as const;

export interface BootOptions {
  /** Over the fast settings of {@link FAST}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: Postgres. */
  readonly broker?: (typeof BROKERS)[number];
  readonly clock?: Pick<Clock, 'now'>;
  /** Modules of the test's own, beside those of the program. */
  readonly modules?: readonly (Type | DynamicModule)[];
  /** Another application to share database and broker with; it must be stopped after this one. */
  readonly beside?: App;
  /** The caller stops it, in `afterAll`; default: `afterEach` does. */
  readonly shared?: boolean;
}

/** For `env`: the program's modules stay away from a test of the kernel, which then starts in half the time. */
export const KERNEL_ONLY = { MODULES: 'none' };

/** No waiting where a test has nothing to see by it. */
const FAST = {
  NODE_ENV: 'test',
  AUTH_MODE: 'open',
  AUTH_KEYS: 'test:a-key-of-thirty-two-bytes-at-least-for-tests',
  AUTH_ARGON2_MEMORY_KIB: '8',
  AUTH_ARGON2_PASSES: '1',
  PORT: '0',
  SIMULATOR_FREE_PORT: '0',
  SIMULATOR_PAID_PORT: '0',
  LOG_LEVEL: 'silent',
  SHUTDOWN_GRACE_MS: '1000',
  EMULATE_MIN_MS: '1',
  EMULATE_MAX_MS: '5',
  EMULATE_FAILURE_PROBABILITY: '0',
};

/** What an application and those beside it stand on. */
interface Ground {
  readonly database: Lease;
  readonly vhost: Lease | undefined;
  users: number;
}

/** The whole application, running in this process on a database (and a virtual host) of its own. */
export class App {
  readonly http: HttpClient;
  readonly broker: Broker;
  /** What was published since {@link App.watch}. */
  readonly outbox = { expect: (type: string, matcher: object) => this.#expectEvent(type, matcher) };
  readonly #collected = new Map<string, Letters>();
  #stopped = false;

  constructor(
    readonly nest: NestFastifyApplication,
    readonly ground: Ground,
    private readonly pool: pg.Pool,
    url: string,
  ) {
    this.http = new HttpClient(url);
    this.broker = nest.get<Broker>(BROKER);
  }

  get databaseUrl(): string {
    return this.ground.database.url;
  }

  get amqpUrl(): string | undefined {
    return this.ground.vhost?.url;
  }

  get<T>(token: Type<T> | symbol): T {
    return this.nest.get<T>(token, { strict: false });
  }

  execute<R>(command: Command<R>): Promise<R> {
    return this.get(Mediator).execute(command);
  }

  ask<R>(query: Query<R>): Promise<R> {
    return this.get(Mediator).ask(query);
  }

  /** A statement on a connection of the test's own, outside every Unit of Work. */
  async sql<Row extends object = Record<string, unknown>>(
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    return (await this.pool.query<Row>(text, values)).rows;
  }

  /** Publishes a command as `npm run send` does, and answers its message id. A Buffer is sent as it is. */
  async send(
    scope: string,
    route: string,
    body: unknown = null,
    { id = randomUUID(), ...more }: Partial<BrokerMessage> = {},
  ): Promise<string> {
    const headers: Headers = { [HEADER.route]: route, ...more.headers };
    const [error] = await this.broker.publish([
      {
        contentType: 'application/json',
        ...more,
        id,
        exchange: COMMANDS_EXCHANGE,
        routingKey: scope,
        headers,
        payload: Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
      },
    ]);
    if (error) throw error;
    return id;
  }

  /** Collects every event of these types (topic patterns) from now on, for `outbox.expect`. */
  async watch(...patterns: string[]): Promise<Letters> {
    const name = 'test-events';
    const watched = this.#collected.get(name) ?? new Letters();
    const bindings = patterns.map((routingKey) => ({ exchange: 'millrace.events', routingKey }));
    await this.broker.declare([{ name, bindings }]);
    if (!this.#collected.has(name)) await watched.collect(this.broker, name);
    this.#collected.set(name, watched);
    return watched;
  }

  /** The dead letters of a queue, of an application with the roles `scheduler` and `api`. */
  deadLetters(queue: string): DeadLetters {
    return new DeadLetters(this.http, queue);
  }

  until<T>(ask: () => T | Promise<T>, options?: UntilOptions): Promise<NonNullable<T>> {
    return until(ask, options);
  }

  /** Waits until nothing is left to do: outbox, due timers, queues, handlers and runs. Parked messages do not count. */
  async settle(options?: UntilOptions): Promise<void> {
    // Twice in a row, because a message may be on its way from one place to the next during a look.
    await until(async () => (await this.#busyWith()) === '' && (await this.#busyWith()) === '', {
      ...options,
      what: 'settled',
    }).catch(async (error: unknown) => {
      throw new Error(`Not settled: ${await this.#busyWith()}`, { cause: error });
    });
  }

  /** Stops it, gives its ground back when it was the last on it, and fails on whatever it left open. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    alive.delete(this);
    const { ground } = this;
    const isLast = (ground.users -= 1) === 0;
    try {
      if (isLast) await expectNoTransactions(this.pool);
      await Promise.all([...this.#collected.values()].map((letters) => letters.stop()));
      const queues = this.#queues().flatMap((queue) => [queue, `${queue}.dlq`]);
      await stopApp(this.nest);
      if (isLast) await expectNoConsumers(ground, queues, this.pool);
    } finally {
      await this.pool.end();
      if (isLast) await giveBack(ground);
    }
    // Another application's timers cannot be told from ours.
    if (alive.size === 0) await expectNoTimers();
  }

  async #expectEvent(type: string, matcher: object): Promise<void> {
    const watched = this.#collected.get('test-events');
    if (!watched) throw new Error('Call app.watch(type) before what causes the event');
    await watched.expect(type, matcher);
  }

  #queues(): string[] {
    const scopes = this.get(MessageScopes).find();
    return scopes.flatMap((scope) => scope.queues.map((queue) => queue.name));
  }

  async #busyWith(): Promise<string> {
    const [rows] = await this.sql<Record<string, number>>(
      `select (select count(*)::int from kernel.outbox) as outbox,
              (select count(*)::int from kernel.delayed_message where due_at <= now()) as due,
              (select count(*)::int from tasks.task where not external
                 and (status = 'in_progress' or (status = 'new' and run_at <= now()))) as tasks`,
    );
    const busy = Object.entries(rows ?? {}).filter(([, count]) => count > 0);
    for (const queue of this.#queues()) {
      const depth = await this.broker.depth(queue);
      if (depth > 0) busy.push([queue, depth]);
    }
    const { inFlight } = this.get(MessageServer);
    if (inFlight > 0) busy.push(['handlers', inFlight]);
    const letters = await this.#lettersOnTheirWay();
    if (letters > 0) busy.push(['dead letters', letters]);
    return busy.map(([what, count]) => `${what}: ${String(count)}`).join(', ');
  }

  /** Of those that this application itself collects. */
  async #lettersOnTheirWay(): Promise<number> {
    if (!this.get<Env>(ENV).ROLES.includes('scheduler')) return 0;
    let count = this.get(DeadLetterCollector).atHand;
    for (const queue of this.#queues()) count += await this.broker.depth(`${queue}.dlq`);
    return count;
  }
}

const alive = new Set<App>();
const booted = new Set<App>();

/**
 * Starts the whole application in this process: a database cloned from the migrated template, a virtual host where the
 * broker is RabbitMQ, a free port. `afterEach` stops it and fails when it leaks; a `shared` one is stopped by its test.
 */
export async function bootApp(options: BootOptions = {}): Promise<App> {
  const ground = options.beside?.ground ?? (await newGround(options.broker ?? 'postgres'));
  ground.users += 1;
  try {
    const app = await startOn(ground, options);
    alive.add(app);
    if (!options.shared) booted.add(app);
    return app;
  } catch (error) {
    ground.users -= 1;
    if (ground.users === 0) await giveBack(ground);
    throw error;
  }
}

async function startOn(ground: Ground, { env, modules = [], clock }: BootOptions): Promise<App> {
  const settings = loadEnv({
    ...FAST,
    DATABASE_URL: ground.database.url,
    ...(ground.vhost ? { AMQP_URL: ground.vhost.url } : {}),
    ...env,
  });
  @Module({ imports: [AppModule.for(settings), ...modules] })
  class TestRoot {}
  const nest = await startApp(settings, TestRoot);
  if (clock) nest.get(Clock).now = () => clock.now();
  const pool = new pg.Pool({ connectionString: ground.database.url, max: 3 });
  // An ended connection may still be there when its database is dropped.
  pool.on('error', () => undefined);
  return new App(nest, ground, pool, await nest.getUrl());
}

async function newGround(broker: (typeof BROKERS)[number]): Promise<Ground> {
  const [database, vhost] = await Promise.all([
    testDatabase(),
    broker === 'rabbitmq' ? testVhost() : undefined,
  ]);
  return { database, vhost, users: 0 };
}

async function giveBack({ database, vhost }: Ground): Promise<void> {
  await Promise.all([vhost?.release(), database.release()]);
}

watchTimers();

afterEach(async () => {
  const apps = [...booted].reverse(); // those beside another one first
  booted.clear();
  const failures: unknown[] = [];
  for (const app of apps) await app.stop().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
});

afterAll(() => {
  if (alive.size > 0) throw new Error('A shared application was not stopped in afterAll');
});

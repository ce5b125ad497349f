import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { on, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { COMMANDS_EXCHANGE, type BrokerMessage } from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import {
  PostgresBroker,
  type PostgresBrokerOptions,
} from '../../src/kernel/messaging/postgres/postgres-broker.js';
import { type Lease, testDatabase, testUrl } from '../support/services.js';
import { databaseUrl } from '../support/template-database.js';
import { brokerContract } from './broker.contract.js';
import { Deliveries, eventually } from './deliveries.js';

let database: Lease;
let sql: pg.Client;
beforeAll(async () => {
  database = await testDatabase({ template: 'empty' });
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await database.release();
});

const newBroker = (options: Partial<PostgresBrokerOptions> = {}) =>
  new PostgresBroker({ databaseUrl: database.url, logger: new Logger('test'), ...options });

brokerContract('Postgres', async () => {
  const broker = newBroker();
  await broker.start();
  return { broker, close: () => broker.close() };
});

describe('the Postgres broker', () => {
  let brokers: PostgresBroker[] = [];
  const children: ChildProcess[] = [];
  let queue: string;

  const startBroker = async (options: Partial<PostgresBrokerOptions> = {}) => {
    const broker = newBroker(options);
    brokers.push(broker);
    await broker.start();
    await broker.declare([declaration(queue)]);
    return broker;
  };
  const startChild = (settings: object, queues: string[], crash = false): ChildProcess => {
    const child = fork(
      fileURLToPath(new URL('./postgres-broker.child.ts', import.meta.url)),
      [database.url, JSON.stringify(settings), queues.join(','), ...(crash ? ['crash'] : [])],
      { execArgv: ['--import', new URL('../support/run-typescript.mjs', import.meta.url).href] },
    );
    children.push(child);
    return child;
  };
  const publish = async (broker: PostgresBroker, ...messages: BrokerMessage[]) => {
    expect(await broker.publish(messages)).toEqual(messages.map(() => undefined));
  };
  const rows = async (where: string) =>
    (await sql.query(`select 1 from broker.job where name like '${queue}%' and ${where}`)).rowCount;

  beforeEach(() => {
    queue = `q-${randomUUID().slice(0, 8)}`;
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await Promise.all(brokers.splice(0).map((broker) => broker.close()));
  });

  it('removes the reply queue of a process that died', async () => {
    const [dead, living] = [await startBroker(), await startBroker()];
    const { name = '' } = await dead.openReplies(() => undefined);
    const stamp = `update broker_topology.reply_queue set seen_at = $2 where name = $1`;
    await sql.query(stamp, [name, new Date(Date.now() - 61_000)]);
    await living.openReplies(() => undefined);
    const [outcome] = await living.publish([{ ...command(queue), toQueue: name }]);
    expect(outcome?.name).toBe('UnroutableError');
  });

  it('makes its reply queue anew when it was taken for dead', async () => {
    const broker = await startBroker({ replyQueueSeconds: 1 });
    const replies: BrokerMessage[] = [];
    const { name = '' } = await broker.openReplies((reply) => replies.push(reply));
    await sql.query(`select broker.delete_queue($1)`, [name]);
    await eventually(async () => {
      await broker.reply({ ...command(queue), replyTo: name });
      return replies.length > 0;
    }, true);
    expect(replies[0]?.routingKey).toBe(`${queue}.run`);
  });

  it('takes back what a killed process held, and nothing from a living one', async () => {
    const settings = { holdSeconds: 10, superviseSeconds: 1 };
    const broker = await startBroker(settings);
    const slow = `${queue}-slow`;
    await broker.declare([declaration(slow)]);
    const held = new Deliveries();
    await broker.consume(slow, 10, held.receive);
    await publish(broker, command(slow));
    const atHand = await held.next();

    const messages = Array.from({ length: 50 }, () => command(queue));
    await publish(broker, ...messages);
    const child = startChild(settings, [queue]);
    const arrived = new Set<string>();
    for await (const [said] of on(child, 'message')) {
      if (arrived.add(String(said)).size > messages.length) break; // every id, and "ready"
    }
    child.kill('SIGKILL');
    expect(await rows(`name = '${queue}' and state = 'active'`)).toBe(50);

    const deliveries = new Deliveries();
    await broker.consume(queue, 100, deliveries.receive);
    const again = await deliveries.take(50);
    expect(again.map(({ message }) => message.id)).toEqual(messages.map(({ id }) => id));
    await Promise.all(again.map((delivery) => delivery.ack()));
    // Held for longer than the 10 s by then, by a process that lives.
    expect(held.all).toHaveLength(1);
    await atHand.ack();
    expect(await rows('true')).toBe(0);
  });

  it('buries a message that kills its consumers, and delivers the one behind it', async () => {
    const settings = { superviseSeconds: 1, deliveryLimit: 2 };
    const broker = await startBroker(settings);
    const [poison, healthy] = [command(queue), command(queue)];
    await publish(broker, poison);
    for (let crashes = 1; crashes <= 2; crashes += 1) {
      await once(startChild(settings, [queue], true), 'exit');
      // As if the hold had run out.
      await sql.query(`update broker.job set heartbeat_on = now() - interval '1 h'`);
      await eventually(() => broker.depth(queue), 1);
    }
    await publish(broker, healthy);
    const deliveries = new Deliveries();
    const dead = new Deliveries();
    await broker.consume(queue, 1, deliveries.receive);
    expect((await deliveries.next()).message.id).toBe(healthy.id);
    await broker.consume(`${queue}.dlq`, 1, dead.receive);
    const { message } = await dead.next();
    expect([message.id, message.headers[HEADER.error]]).toEqual([
      poison.id,
      expect.stringContaining('came back 2 times'),
    ]);
  });

  it('installs and declares from several processes at once', async () => {
    const fresh = await testDatabase({ template: 'empty' });
    try {
      const clients = Array.from({ length: 4 }, () => newBroker({ databaseUrl: fresh.url }));
      brokers.push(...clients);
      const queues = ['a', 'b', 'c'].map((name) => `${queue}-${name}`);
      await Promise.all(
        clients.map(async (broker) => {
          await broker.start();
          await broker.declare(queues.map(declaration));
        }),
      );
      expect(clients.map((broker) => broker.state())).toEqual(clients.map(() => ({ up: true })));
      const messages = queues.map((name) => command(name));
      for (const broker of clients) await publish(broker, ...messages);
      for (const name of queues) await eventually(() => clients[0]!.depth(name), 4);
      await Promise.all(brokers.splice(0).map((broker) => broker.close()));
    } finally {
      await fresh.release();
    }
  });

  it('gives every message of one publish its own place in the queue', async () => {
    const broker = await startBroker();
    const messages = Array.from({ length: 1_000 }, () => command(queue));
    await publish(broker, ...messages);
    const { rows: places } = await sql.query<{ id: string; on: string }>(
      `select data->'message'->>'id' as id, created_on::text as on from broker.job
       where name = $1 order by created_on`,
      [queue],
    );
    expect(new Set(places.map(({ on: instant }) => instant)).size).toBe(messages.length);
    expect(places.map(({ id }) => id)).toEqual(messages.map(({ id }) => id));
  });

  it('wakes the consumers of other processes without their polling', async () => {
    const broker = await startBroker();
    const other = await startBroker({ pollMs: 3_600_000 });
    const deliveries = new Deliveries();
    await other.consume(queue, 10, deliveries.receive);
    await publish(broker, command(queue));
    await (await deliveries.next()).ack();
    const before = performance.now();
    await publish(broker, command(queue));
    await deliveries.next();
    expect(performance.now() - before).toBeLessThan(300);
  });

  it('sees at once what another process has bound', async () => {
    const broker = await startBroker();
    const other = await startBroker();
    for (let n = 0; n < 5; n += 1) {
      const routingKey = `${queue}-new.${n}`;
      const message = { ...command(queue), routingKey };
      expect(await broker.publish([message])).toEqual([expect.any(Error)]);
      const bindings = [{ exchange: COMMANDS_EXCHANGE, routingKey }];
      await other.declare([{ name: queue, bindings }]);
      await publish(broker, message);
    }
  });

  it('settles what was at hand and loses nothing when its connections are cut', async () => {
    const broker = await startBroker();
    const deliveries = new Deliveries();
    await broker.consume(queue, 1, deliveries.receive);
    const messages = Array.from({ length: 5_000 }, () => command(queue));
    await publish(broker, ...messages.slice(0, 1));
    const atHand = await deliveries.next();
    const publishing = broker.publish(messages.slice(1));
    const behind = broker.publish([command(queue)]);
    await eventually(async () => (await broker.depth(queue)) > 0, true);
    await sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    );
    const outcomes = await publishing;
    expect(outcomes).toHaveLength(messages.length - 1);
    expect(outcomes.at(-1)).toBeInstanceOf(Error);
    expect((await behind)[0]).toBeInstanceOf(Error); // or it would have passed those
    await eventually(() => broker.state().up, true);
    await atHand.ack();

    const sentinel = command(queue);
    await publish(broker, sentinel);
    const arrived = [atHand.message.id];
    while (arrived.at(-1) !== sentinel.id) {
      const delivery = await deliveries.next();
      arrived.push(delivery.message.id);
      await delivery.ack();
    }
    const confirmed = messages.slice(1).filter((_, n) => outcomes[n] === undefined);
    expect(confirmed.length).toBeGreaterThan(0);
    // An insert may have committed though its confirmation was lost; nothing else, and all of it in order.
    expect(arrived.slice(0, confirmed.length + 1)).toEqual(
      messages.slice(0, confirmed.length + 1).map(({ id }) => id),
    );
  });

  it('comes up when Postgres does, with the queues declared and consumed meanwhile', async () => {
    const server = testUrl('TEST_DATABASE_URL');
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    const broker = newBroker({ databaseUrl: databaseUrl(server, name) });
    brokers.push(broker);
    await broker.start();
    await broker.declare([declaration(queue)]);
    const deliveries = new Deliveries();
    await broker.consume(queue, 1, deliveries.receive);
    expect(broker.state()).toEqual({ up: false, reason: expect.stringContaining(name) as string });
    const message = command(queue);
    expect(await broker.publish([message])).toEqual([expect.any(Error)]);
    await sql.query(`create database ${name}`);
    try {
      await eventually(() => broker.state().up, true);
      await publish(broker, message);
      await (await deliveries.next()).ack();
      await broker.close();
      brokers = [];
    } finally {
      await sql.query(`drop database ${name} with (force)`);
    }
  });

  it('refuses to settle what was lost to another process', async () => {
    const broker = await startBroker();
    const deliveries = new Deliveries();
    await broker.consume(queue, 2, deliveries.receive);
    await publish(broker, command(queue), command(queue));
    const [first, second] = await deliveries.take(2);
    await sql.query('delete from broker.job where name = $1', [queue]);
    await expect(first!.retry(1_000, 'late')).rejects.toThrow('arrives again');
    await expect(second!.ack()).rejects.toThrow('arrives again');
    await expect(second!.ack()).rejects.toThrow('settled twice');
    expect(await rows('true')).toBe(0);
  });
});

function declaration(name: string) {
  return { name, bindings: [{ exchange: COMMANDS_EXCHANGE, routingKey: `${name}.#` }] };
}

function command(queue: string): BrokerMessage {
  return {
    id: randomUUID(),
    exchange: COMMANDS_EXCHANGE,
    routingKey: `${queue}.run`,
    headers: {},
    contentType: 'application/json',
    payload: Buffer.from('{}'),
  };
}

import { randomUUID } from 'node:crypto';
import { EVENTS_EXCHANGE } from '../../src/kernel/messaging/broker.js';
import { MessageMetrics } from '../../src/kernel/messaging/message.metrics.js';
import { commandMessage, type OutboxMessage } from '../../src/kernel/outbox/outbox-message.js';
import { Outbox } from '../../src/kernel/outbox/outbox.js';
import { OutboxStore } from '../../src/kernel/outbox/outbox.store.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import { tcpProxy } from '../contract/tcp-proxy.js';
import { type App, bootApp, BROKERS, KERNEL_ONLY } from '../support/app.js';
import type { Letters } from '../support/letters.js';
import { Probe, PROBE_TABLE, ProbeModule } from '../support/probe.module.js';
import { spawnApp } from '../support/spawned-app.js';
import { eventually } from '../support/until.js';

const { jest } = import.meta;

const NOTED = 'probe.noted.v1';

const noted = (n: number, more: Partial<OutboxMessage> = {}): OutboxMessage => ({
  exchange: EVENTS_EXCHANGE,
  routingKey: NOTED,
  body: { n },
  ...more,
});
const append = (app: App, ...messages: OutboxMessage[]) =>
  app.get(UnitOfWork).run(() => app.get(Outbox).append(messages));
const numbers = (letters: Letters) => letters.all.map(({ body }) => (body as { n: number }).n);
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);
const waiting = async (app: App) => {
  const [row] = await app.sql<{ count: number }>('select count(*)::int from kernel.outbox');
  return row!.count;
};

describe.each(BROKERS)('the outbox on %s', (broker) => {
  it('publishes what was committed, and never what was rolled back', async () => {
    const app = await bootApp({ broker, env: { ...KERNEL_ONLY, ROLES: 'relay' } });
    const letters = await app.watch(NOTED);
    const rolledBack = app.get(UnitOfWork).run(async () => {
      await app.get(Outbox).append(upTo(10).map((n) => noted(n, { key: 'k' })));
      throw new Error('second thoughts');
    });
    await expect(rolledBack).rejects.toThrow('second thoughts');
    await append(app, noted(11, { key: 'k' }));
    await append(app, ...upTo(64).map((n) => noted(100 + n)));
    await app.until(() => letters.all.length === 65);
    await app.settle();
    expect(numbers(letters).sort((a, b) => a - b)).toEqual([11, ...upTo(64).map((n) => 100 + n)]);
    expect(await waiting(app)).toBe(0);
  });

  it('publishes each message once and in the order of its key, with relays coming and going', async () => {
    const writer = await bootApp({ broker, env: { ...KERNEL_ONLY, ROLES: 'api' } });
    const letters = await writer.watch(NOTED);
    const relay = { beside: writer, env: { ...KERNEL_ONLY, ROLES: 'relay', RELAY_BATCH: '20' } };
    await bootApp(relay);
    const [keys, each] = [10, 40];
    const writing = Promise.all(
      upTo(keys).map(async (key) => {
        for (const n of upTo(each)) {
          await append(writer, noted(n, { key: `key-${String(key)}`, body: { key, n } }));
        }
      }),
    );
    const others = [await bootApp(relay), await bootApp(relay), await bootApp(relay)];
    await writing;
    await others[0]!.stop();
    await writer.until(() => letters.all.length >= keys * each);
    await writer.settle();
    expect(letters.all).toHaveLength(keys * each);
    const arrived = Map.groupBy(letters.all, ({ body }) => (body as { key: number }).key);
    expect(arrived.size).toBe(keys);
    for (const ofKey of arrived.values()) {
      expect(ofKey.map(({ body }) => (body as { n: number }).n)).toEqual(upTo(each));
    }
  });

  it('reaches the broker within milliseconds of a commit, here and in other processes', async () => {
    const app = await bootApp({ broker, env: { ...KERNEL_ONLY, ROLES: 'relay' } });
    const letters = await app.watch(NOTED);
    const writer = await bootApp({ beside: app, env: { ...KERNEL_ONLY, ROLES: 'api' } });
    for (const from of [app, writer]) {
      await append(from, noted(-1));
      const took: number[] = [];
      for (const n of upTo(11)) {
        const before = letters.all.length;
        const since = performance.now();
        await append(from, noted(n));
        await app.until(() => letters.all.length > before);
        took.push(performance.now() - since);
      }
      // The relay polls every 250 ms: a median below that can only come from being woken.
      expect(took.sort((a, b) => a - b)[5]).toBeLessThan(80);
    }
  });

  it('parks an unroutable message with its key, lets others pass, and sends it once its queue exists', async () => {
    const app = await bootApp({ broker, env: { ...KERNEL_ONLY, ROLES: 'relay' } });
    const letters = await app.watch(NOTED);
    const order = commandMessage(
      { queue: 'nowhere', route: 'go', body: { n: 1 } },
      { key: 'stuck' },
    );
    // All in one batch: the second must not be on its way when the first is refused.
    await append(app, order, noted(2, { key: 'stuck' }), noted(3, { key: 'free' }));
    await app.until(() => numbers(letters).includes(3));
    await eventually(async () => {
      const parked = await app.sql('select key, error from kernel.parked_message order by seq');
      expect(parked).toEqual([
        { key: 'stuck', error: expect.stringContaining('nowhere') as string },
        { key: 'stuck', error: expect.stringContaining('waits behind') as string },
      ]);
    });
    await append(app, noted(4, { key: 'stuck' }), noted(5, { key: 'free' }));
    await app.until(() => numbers(letters).includes(5));
    await app.settle();
    expect(numbers(letters)).toEqual([3, 5]);

    const bindings = [{ exchange: 'millrace.commands', routingKey: 'nowhere' }];
    await app.broker.declare([{ name: 'nowhere', bindings }]);
    await app.until(() => numbers(letters).includes(4));
    expect(numbers(letters)).toEqual([3, 5, 2, 4]);
    expect(await app.broker.depth('nowhere')).toBe(1);
    expect(await app.sql('select 1 from kernel.parked_message')).toEqual([]);
    await append(app, noted(6, { key: 'stuck' }));
    await app.until(() => numbers(letters).includes(6));
  });

  it('sends nothing behind a message whose fate is unknown before that one is sent again', async () => {
    const app = await bootApp({ broker, env: { ...KERNEL_ONLY, ROLES: 'relay' } });
    const letters = await app.watch(NOTED);
    const store = app.get(OutboxStore);
    const [publish, read, remove] = [
      app.broker.publish.bind(app.broker),
      store.read.bind(store),
      store.remove.bind(store),
    ];
    const publishing = jest.spyOn(app.broker, 'publish').mockImplementationOnce(async (all) => {
      const [first, ...lost] = all;
      const outcomes = await publish([first!]);
      return [...outcomes, ...lost.map(() => new Error('the line is down'))];
    });
    // The next batch has been read when the outcome is known, and what was confirmed is still to be deleted.
    const next = Promise.withResolvers<undefined>();
    jest.spyOn(store, 'read').mockImplementation(async (...args) => {
      const batch = await read(...args);
      if (publishing.mock.calls.length === 0) return batch;
      await publishing.mock.results[0]?.value;
      setImmediate(() => {
        next.resolve(undefined);
      });
      return batch;
    });
    jest.spyOn(store, 'remove').mockImplementationOnce(async (rows) => {
      await next.promise;
      await remove(rows);
    });
    const [keys, each] = [100, 3];
    const all = upTo(keys * each).map((n) => noted(n, { key: `key-${String(n % keys)}` }));
    await append(app, ...all);
    await app.until(() => letters.all.length >= all.length);
    await app.settle();
    expect(letters.all).toHaveLength(all.length);
    for (const ofKey of Map.groupBy(numbers(letters), (n) => n % keys).values()) {
      expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b));
    }
  });

  it('promotes delayed messages when they are due, each once, with two schedulers', async () => {
    const app = await bootApp({ broker, env: { ...KERNEL_ONLY, ROLES: 'relay,scheduler' } });
    const letters = await app.watch(NOTED);
    await bootApp({ beside: app, env: { ...KERNEL_ONLY, ROLES: 'scheduler' } });
    const due = Date.now() + 400;
    const count = 3_000;
    await append(
      app,
      ...upTo(count).map((n) => noted(n, { dueAt: new Date(due + (n % 300)) })),
      noted(count, { dueAt: new Date(due + 3_600_000) }),
    );
    expect(letters.all).toEqual([]);
    await app.until(() => {
      if (letters.all.length > 0) expect(Date.now()).toBeGreaterThanOrEqual(due);
      return letters.all.length >= count;
    });
    await app.settle();
    expect(numbers(letters).sort((a, b) => a - b)).toEqual(upTo(count));
    expect(await app.sql('select 1 from kernel.delayed_message')).toHaveLength(1);
  });

  it('promotes the delayed messages of one key in the order of their time', async () => {
    const app = await bootApp({ broker, env: { ...KERNEL_ONLY, ROLES: 'relay,scheduler' } });
    const letters = await app.watch(NOTED);
    await bootApp({ beside: app, env: { ...KERNEL_ONLY, ROLES: 'scheduler' } });
    const past = Date.now() - 60_000;
    const count = 5_000; // more than one batch of a scheduler
    const messages = upTo(count).map((n) => noted(n, { key: 'one', dueAt: new Date(past + n) }));
    await append(app, ...messages.toReversed());
    await app.until(() => letters.all.length >= count);
    const outOfPlace = numbers(letters).findIndex((n, place) => n !== place);
    expect(outOfPlace).toBe(-1);
    expect(letters.all).toHaveLength(count);
  });

  it('makes one effect of a message that is published again after a crash', async () => {
    const app = await bootApp({ broker, modules: [ProbeModule], env: KERNEL_ONLY });
    await app.sql(PROBE_TABLE);
    // As if the relay had died between the broker's confirm and its own delete.
    const store = app.get(OutboxStore);
    const remove = store.remove.bind(store);
    let removals = 0;
    store.remove = (rows) => {
      removals += 1;
      return removals === 1 ? Promise.reject(new Error('killed')) : remove(rows);
    };
    const note = randomUUID();
    await append(app, commandMessage({ queue: 'probe', route: 'effect', body: { note } }));
    const { handled } = app.get(MessageMetrics);
    await eventually(async () => {
      const { values } = await handled.get();
      const outcomes = values.map(({ labels, value }) => [labels['outcome'], value]);
      expect(outcomes).toEqual(
        expect.arrayContaining([
          ['handled', 1],
          ['duplicate', 1],
        ]),
      );
    });
    expect(removals).toBe(2);
    expect(await app.sql('select note from kernel.probe_effect')).toEqual([{ note }]);
    expect(app.get(Probe).notes()).toEqual([note]);
    expect(await waiting(app)).toBe(0);
  });
});

describe('the shards of the outbox', () => {
  const owners = (app: App) =>
    app.sql<{ owner: string; count: number }>(
      'select owner, count(*)::int from kernel.outbox_shard where owner is not null group by owner',
    );
  const division = async (app: App) =>
    (await owners(app)).map(({ count }) => count).sort((a, b) => a - b);

  it('are divided evenly, given back at a stop, and taken over from a killed relay', async () => {
    const app = await bootApp({ env: { ...KERNEL_ONLY, ROLES: 'relay' } });
    const letters = await app.watch(NOTED);
    await eventually(async () => expect(await division(app)).toEqual([64]));
    const other = await bootApp({ beside: app, env: { ...KERNEL_ONLY, ROLES: 'relay' } });
    await eventually(async () => expect(await division(app)).toEqual([32, 32]));
    await other.stop();
    await eventually(async () => expect(await division(app)).toEqual([64]));

    const [own] = await owners(app);
    const killed = await spawnApp({ databaseUrl: app.databaseUrl, roles: ['relay'] });
    await eventually(async () => expect(await division(app)).toEqual([32, 32]));
    await killed.kill('SIGKILL');
    // As if its ten seconds had passed.
    await app.sql(
      'update kernel.relay set expires_at = now() - interval $$1 minute$$ where id <> $1',
      [own!.owner],
    );
    await app.sql('update kernel.outbox_shard set expires_at = now() where owner <> $1', [
      own!.owner,
    ]);
    await append(app, ...upTo(200).map((n) => noted(n)));
    await app.until(() => letters.all.length === 200);
    expect(await division(app)).toEqual([64]);
    expect(numbers(letters).sort((a, b) => a - b)).toEqual(upTo(200));
  });
});

describe('the outbox without its broker', () => {
  it('keeps its rows while RabbitMQ is away, takes more, and sends all when it is back', async () => {
    const ground = await bootApp({ broker: 'rabbitmq', env: { ...KERNEL_ONLY, ROLES: 'api' } });
    const letters = await ground.watch(NOTED);
    const server = new URL(ground.amqpUrl!);
    const target = { host: server.hostname, port: Number(server.port || 5672) };
    const line = await tcpProxy(target);
    server.port = String(line.port);
    const app = await bootApp({
      beside: ground,
      env: { ...KERNEL_ONLY, AMQP_URL: server.href, ROLES: 'relay' },
    });
    await append(app, noted(0, { key: 'k' }));
    await app.until(() => letters.all.length === 1);

    await line.close();
    await app.until(() => !app.broker.state().up);
    for (const n of [1, 2, 3]) await append(app, noted(n, { key: 'k' }));
    expect(await waiting(app)).toBe(3);
    expect(await app.sql('select 1 from kernel.parked_message')).toEqual([]);

    const again = await tcpProxy(target, line.port);
    await app.until(() => letters.all.length >= 4);
    await ground.settle();
    expect([...new Set(numbers(letters))]).toEqual([0, 1, 2, 3]);
    await app.stop();
    await again.close();
  });
});

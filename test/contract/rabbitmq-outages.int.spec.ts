import { randomUUID } from 'node:crypto';
import {
  COMMANDS_EXCHANGE,
  RefusedError,
  type BrokerMessage,
} from '../../src/kernel/messaging/broker.js';
import { RabbitMqBroker } from '../../src/kernel/messaging/rabbitmq/rabbitmq-broker.js';
import { Requests } from '../../src/kernel/messaging/requests.js';
import { startRabbitMq, type RabbitMqService } from '../support/services.js';
import { Deliveries, eventually } from './deliveries.js';
import { tcpProxy } from './tcp-proxy.js';

const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };
const QUEUE = 'outages';
const QUEUES = [{ name: QUEUE, bindings: [{ exchange: COMMANDS_EXCHANGE, routingKey: QUEUE }] }];

describe('RabbitMqBroker during outages', () => {
  let server: RabbitMqService;
  let broker: RabbitMqBroker;
  let deliveries: Deliveries;

  beforeAll(async () => {
    server = await startRabbitMq();
    const first = new RabbitMqBroker({ url: server.url, logger: silent });
    await first.start();
    await first.declare(QUEUES);
    await first.close();
    // RabbitMQ 3.10, killed within a second after a quorum queue was declared, was seen to bring it back empty and
    // without a leader. These tests start from queues that have survived a restart in good order.
    await server.restart();
  }, 100_000);
  afterAll(() => server.dispose());

  beforeEach(async () => {
    broker = new RabbitMqBroker({ url: server.url, logger: silent, publishTimeoutMs: 1_500 });
    await broker.start();
    await broker.declare(QUEUES);
    deliveries = new Deliveries();
    await broker.consume(QUEUE, 500, deliveries.receive);
  });
  afterEach(() => broker.close());

  const commands = (count: number, payload = Buffer.from('{}')): BrokerMessage[] =>
    Array.from({ length: count }, () => ({
      id: randomUUID(),
      exchange: COMMANDS_EXCHANGE,
      routingKey: QUEUE,
      headers: {},
      contentType: 'application/json',
      payload,
    }));

  it('loses nothing that was confirmed when the server is killed, and takes its work up again', async () => {
    const confirmed = new Set<string>();
    const done = new AbortController();
    const publishing = (async () => {
      while (!done.signal.aborted) {
        const batch = commands(200);
        const outcomes = await broker.publish(batch);
        batch.forEach(({ id }, n) => {
          if (outcomes[n] === undefined) confirmed.add(id);
        });
      }
    })();
    try {
      await eventually(() => confirmed.size > 2_000, true);
      await server.kill();
      await eventually(() => broker.state().up, false);
      const before = confirmed.size;
      await server.start();
      await eventually(() => broker.state().up, true);
      await eventually(() => confirmed.size > before + 2_000, true);
    } finally {
      done.abort();
      await publishing;
    }
    const missing = new Set(confirmed);
    while (missing.size > 0) {
      const delivery = await deliveries.next();
      missing.delete(delivery.message.id);
      // Those of the older connection cannot be settled any more; they come again.
      await delivery.ack().catch((error: unknown) => {
        expect(String(error)).toContain('closed');
      });
    }
    expect(missing.size).toBe(0);
  }, 90_000);

  it('starts while there is no server, and is up once it comes', async () => {
    await broker.close();
    await server.stop();
    broker = new RabbitMqBroker({ url: server.url, logger: silent, connectGraceMs: 300 });
    await broker.start();
    expect(broker.state().up).toBe(false);
    await broker.declare([
      { name: 'early', bindings: [{ exchange: COMMANDS_EXCHANGE, routingKey: 'early' }] },
    ]);
    const early = new Deliveries();
    await broker.consume('early', 1, early.receive);
    await server.start();
    await eventually(() => broker.state().up, true);
    const [command] = commands(1) as [BrokerMessage];
    expect(await broker.publish([{ ...command, routingKey: 'early' }])).toEqual([undefined]);
    expect((await early.next()).message.id).toBe(command.id);
  }, 60_000);

  it('sends nothing behind messages whose fate is unknown before their callers could repeat them', async () => {
    const { hostname: host, port } = new URL(server.url);
    const proxy = await tcpProxy({ host, port: Number(port) });
    const url = server.url.replace(`:${port}`, `:${String(proxy.port)}`);
    const publisher = new RabbitMqBroker({ url, logger: silent, maxUnconfirmed: 10 });
    const batches = [commands(20), commands(5)];
    const all = batches.flat();
    try {
      await publisher.start();
      await publisher.declare(QUEUES);
      proxy.freeze();
      const published = batches.map((batch) => publisher.publish(batch));
      await new Promise(setImmediate);
      proxy.cut(); // the first ten never arrive
      proxy.thaw();
      const outcomes = (await Promise.all(published)).flat();
      expect(outcomes.map((outcome) => outcome instanceof Error)).toEqual(all.map(() => true));
      expect(outcomes.some((outcome) => outcome instanceof RefusedError)).toBe(false);
      expect(await publisher.publish(all)).toEqual(all.map(() => undefined));
      const arrived = await deliveries.take(all.length);
      expect(arrived.map(({ message }) => message.id)).toEqual(all.map(({ id }) => id));
      await Promise.all(arrived.map((delivery) => delivery.ack()));
    } finally {
      await publisher.close();
      await proxy.close();
    }
  }, 30_000);

  it('has everything declared again when the server comes back without its data', async () => {
    await server.wipe();
    await server.start();
    await eventually(() => broker.state().up, true);
    const sent = commands(3);
    expect(await broker.publish(sent)).toEqual([undefined, undefined, undefined]);
    const arrived = await deliveries.take(3);
    expect(arrived.map(({ message }) => message.id)).toEqual(sent.map(({ id }) => id));
    await arrived[0]?.retry(1_000, 'after the loss');
    expect((await deliveries.next()).attempt).toBe(2);
  }, 60_000);

  it('calls messages errors in time while memory runs short, holds few of them, and recovers', async () => {
    const [kept] = commands(1) as [BrokerMessage];
    await broker.publish([kept]);
    const delivery = await deliveries.next();
    await server.ctl('set_vm_memory_high_watermark', '0.00001');
    const payload = Buffer.alloc(16 * 1024);
    const isRefused = async (): Promise<boolean> => {
      const outcomes = await broker.publish(commands(1, payload));
      return outcomes.every((outcome) => outcome instanceof Error);
    };
    await eventually(isRefused, true);
    expect(broker.state().reason).toContain('alarm');

    const before = process.memoryUsage().arrayBuffers;
    const started = performance.now();
    const rounds = await Promise.all(
      Array.from({ length: 40 }, () => broker.publish(commands(2_000, payload))),
    );
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(rounds.flat().filter((outcome) => outcome === undefined)).toEqual([]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);

    const retried = delivery.retry(1_000, 'during the alarm');
    await server.ctl('set_vm_memory_high_watermark', '0.6');
    await retried;
    await eventually(() => broker.state().up, true);
    await eventually(() => deliveries.all.some(({ attempt }) => attempt === 2), true);
    const outcomes = await broker.publish(commands(100));
    expect(outcomes).toEqual(Array(100).fill(undefined));
  }, 60_000);

  it('tells askers at once that the publishing line is down, though replies could come', async () => {
    const { hostname: host, port } = new URL(server.url);
    const proxy = await tcpProxy({ host, port: Number(port) });
    const url = server.url.replace(`:${port}`, `:${String(proxy.port)}`);
    const asker = new RabbitMqBroker({ url, logger: silent, publishTimeoutMs: 1_500 });
    const requests = new Requests(asker);
    const [question] = commands(1).map((command) => ({ ...command, routingKey: 'nowhere' }));
    try {
      await asker.start();
      await expect(requests.ask(question!)).rejects.toThrow('nowhere');
      const cut = proxy.cutAt('cut-here', 'before');
      const published = asker.publish([{ ...question!, payload: Buffer.from('cut-here') }]);
      await cut;
      proxy.freeze(); // the other line stays as it is, and this one cannot come back
      await eventually(() => asker.state().reason, 'the publishing connection is down');
      await expect(requests.ask(question!)).rejects.toThrow(
        'The question cannot be sent: the publishing connection is down',
      );
      expect((await published)[0]).toBeInstanceOf(Error);
    } finally {
      proxy.thaw();
      await requests.close();
      await asker.close();
      await proxy.close();
    }
  }, 30_000);

  it('can be closed during a memory alarm', async () => {
    await server.ctl('set_vm_memory_high_watermark', '0.00001');
    await eventually(async () => (await broker.publish(commands(1)))[0] instanceof Error, true);
    const started = performance.now();
    await broker.close();
    expect(performance.now() - started).toBeLessThan(8_000);
    await server.ctl('set_vm_memory_high_watermark', '0.6');
  }, 30_000);
});

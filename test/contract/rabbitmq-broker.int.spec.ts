import { randomUUID } from 'node:crypto';
import { connect, type ChannelModel } from 'amqplib';
import {
  COMMANDS_EXCHANGE,
  type Delivery,
  RefusedError,
} from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import { RabbitMqBroker } from '../../src/kernel/messaging/rabbitmq/rabbitmq-broker.js';
import { testVhost, type Lease } from '../support/services.js';
import { brokerContract, type BrokerClient } from './broker.contract.js';
import { Deliveries, eventually } from './deliveries.js';
import { tcpProxy, type TcpProxy } from './tcp-proxy.js';

const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };

describe('RabbitMqBroker', () => {
  let vhost: Lease;
  let proxy: TcpProxy;
  let url: string;

  beforeAll(async () => {
    vhost = await testVhost();
    const server = new URL(vhost.url);
    proxy = await tcpProxy({ host: server.hostname, port: Number(server.port || 5672) });
    server.port = String(proxy.port);
    url = server.href;
  });
  afterAll(async () => {
    await proxy.close();
    await vhost.release();
  });

  const makeClient = async (): Promise<BrokerClient> => {
    const broker = new RabbitMqBroker({ url, logger: silent });
    await broker.start();
    return { broker, close: () => broker.close() };
  };

  brokerContract('RabbitMQ', makeClient, async () => {
    proxy.cut();
    await Promise.resolve();
  });

  describe('among foreign programs', () => {
    let broker: RabbitMqBroker;
    let foreign: ChannelModel;
    let queue: string;

    beforeEach(async () => {
      queue = `q-${randomUUID().slice(0, 8)}`;
      broker = new RabbitMqBroker({ url, logger: silent });
      await broker.start();
      const bindings = [{ exchange: COMMANDS_EXCHANGE, routingKey: `${queue}.#` }];
      await broker.declare([{ name: queue, bindings }]);
      foreign = await connect(vhost.url);
    });
    afterEach(async () => {
      await broker.close();
      await foreign.close();
    });

    it('refuses what cannot be put into frames, and publishes what comes with it', async () => {
      const to = { exchange: COMMANDS_EXCHANGE, routingKey: `${queue}.run` } as const;
      const body = { headers: {}, contentType: 'application/json', payload: Buffer.from('1') };
      const [small, longId, longHeader] = await broker.publish([
        { ...to, ...body, id: randomUUID() },
        { ...to, ...body, id: '\ufffd'.repeat(100) }, // as 100 bytes that are no UTF-8 arrive here
        { ...to, ...body, id: randomUUID(), headers: { 'x-long': 'x'.repeat(300_000) } },
      ]);
      expect(small).toBeUndefined();
      expect(longId).toBeInstanceOf(RefusedError);
      expect(longHeader).toBeInstanceOf(RefusedError);
    });

    const sendPlain = async (headers: Record<string, unknown>, times = 1): Promise<void> => {
      const channel = await foreign.createConfirmChannel();
      for (let n = 0; n < times; n += 1) {
        channel.sendToQueue(queue, Buffer.from('{"payload":"plain"}'), { headers });
      }
      await channel.waitForConfirms();
      await channel.close();
    };
    const consume = async (from = queue): Promise<Deliveries> => {
      const deliveries = new Deliveries();
      await broker.consume(from, 10, deliveries.receive);
      return deliveries;
    };
    const command = () => ({
      id: randomUUID(),
      exchange: COMMANDS_EXCHANGE as typeof COMMANDS_EXCHANGE,
      routingKey: `${queue}.run.now`,
      headers: {},
      contentType: 'application/json',
      payload: Buffer.from('{}'),
    });

    it('takes plain JSON with only a route, and headers of any type as text', async () => {
      const deliveries = await consume();
      const at = { '!': 'timestamp', value: 1_700_000_000 };
      const headers = { route: 'create', n: 17, yes: true, list: [1, 'a'], part: { b: 1 }, at };
      await sendPlain(headers);
      const { message } = await deliveries.next();
      expect(message).toMatchObject({
        exchange: COMMANDS_EXCHANGE,
        routingKey: queue,
        contentType: 'application/json',
        headers: {
          route: 'create',
          n: '17',
          yes: 'true',
          list: '[1,"a"]',
          part: '{"b":1}',
          at: '2023-11-14T22:13:20.000Z',
        },
      });
      expect(message.payload.toString()).toBe('{"payload":"plain"}');
    });

    it('gives equal messages without an id each their own, and they keep it', async () => {
      const first = new RabbitMqBroker({ url, logger: silent });
      await first.start();
      const before = new Deliveries();
      await first.consume(queue, 10, before.receive);
      await sendPlain({ route: 'create' }, 3);
      const ids = (await before.take(3)).map(({ message }) => message.id);
      expect(new Set(ids).size).toBe(3);
      await first.close();
      const again = (await (await consume()).take(3)).map(({ message }) => message.id);
      expect(again.sort()).toEqual(ids.sort());
    });

    it('gives a message up after 20 redeliveries to consumers that crash', async () => {
      const sent = command();
      expect(await broker.publish([sent])).toEqual([undefined]);
      const dead = await consume(`${queue}.dlq`);
      const isDead = dead.next().then(() => false);
      let crashes = 0;
      for (let isTaken = true; isTaken; crashes += isTaken ? 1 : 0) {
        const channel = await foreign.createChannel();
        const { promise, resolve } = Promise.withResolvers<boolean>();
        await channel.consume(queue, () => {
          resolve(true);
        });
        isTaken = await Promise.race([promise, isDead]);
        await channel.close();
      }
      expect(crashes).toBe(21);
      const { message } = dead.all[0] as Delivery;
      expect(message).toMatchObject({ id: sent.id, routingKey: sent.routingKey });
      expect(message.headers[HEADER.error]).toContain('delivery_limit');
    });

    it('declares a queue again that was deleted under its consumer', async () => {
      const deliveries = await consume();
      const channel = await foreign.createChannel();
      await channel.deleteQueue(queue);
      const sent = command();
      // Unroutable until the queue is back.
      await eventually(async () => (await broker.publish([sent]))[0] === undefined, true);
      expect((await deliveries.next()).message.id).toBe(sent.id);
    });

    it('goes on trying to move a message whose dead letters were deleted', async () => {
      const deliveries = await consume();
      await broker.publish([command()]);
      const delivery = await deliveries.next();
      const channel = await foreign.createChannel();
      await channel.deleteQueue(`${queue}.dlq`);
      await delivery.deadLetter('why');
      await eventually(() => broker.depth(`${queue}.dlq`), 1);
    });

    it('leaves a queue alone that exists with other arguments, and says so', async () => {
      const other = `other-${queue}`;
      const channel = await foreign.createChannel();
      await channel.assertQueue(other, { durable: true });
      await expect(broker.declare([{ name: other, bindings: [] }])).rejects.toThrow('inequivalent');
      expect(broker.state().reason).toContain(other);
      expect(await broker.publish([command()])).toEqual([undefined]);
    });

    it('sends a message to the dead letters as it is when its headers leave no room for ours', async () => {
      const deliveries = await consume();
      await sendPlain({ route: 'create', big: 'x'.repeat(65_000) });
      const delivery = await deliveries.next();
      await delivery.deadLetter('too large: '.repeat(100));
      const { message } = await (await consume(`${queue}.dlq`)).next();
      expect(message.id).toBe(delivery.message.id);
      expect(message.headers[HEADER.error]).toContain('rejected');
    });

    it('refuses a second settlement', async () => {
      const deliveries = await consume();
      await broker.publish([command()]);
      const delivery = await deliveries.next();
      await delivery.ack();
      await expect(delivery.ack()).rejects.toThrow('settled already');
    });

    it('answers a question about the depth of an unknown queue with an error that harms nobody', async () => {
      const deliveries = await consume();
      await expect(broker.depth(`unknown-${queue}`)).rejects.toThrow('NOT_FOUND');
      await broker.publish([command()]);
      await (await deliveries.next()).ack();
      expect(broker.state()).toEqual({ up: true });
    });
  });
});

import { randomBytes, randomUUID } from 'node:crypto';
import {
  COMMANDS_EXCHANGE,
  EVENTS_EXCHANGE,
  type Broker,
  type BrokerMessage,
} from '../../src/kernel/messaging/broker.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import { Deliveries, eventually } from './deliveries.js';

/** One client of the store under test: started by its maker, and closed whatever is still in its hands. */
export interface BrokerClient {
  readonly broker: Broker;
  /** Puts plain content into a queue as a foreign program would. */
  publishRaw?(queue: string, content: Buffer, headers: Record<string, unknown>): Promise<void>;
  close(): Promise<void>;
}

/**
 * What every {@link Broker} promises. `makeClient` is called for every client that a test wants; all of them
 * must meet in one store. `cutConnections`, where a broker can offer it, cuts the lines of all of them.
 */
export function brokerContract(
  name: string,
  makeClient: () => Promise<BrokerClient>,
  cutConnections?: () => Promise<void>,
): void {
  describe(`${name} as a broker`, () => {
    let clients: BrokerClient[] = [];
    let broker: Broker;
    let queue: string;

    const another = async (): Promise<BrokerClient> => {
      const client = await makeClient();
      clients.push(client);
      return client;
    };
    const close = async (client: BrokerClient): Promise<void> => {
      clients = clients.filter((other) => other !== client);
      await client.close();
    };
    const consume = async (from = queue, prefetch = 100, by = broker): Promise<Deliveries> => {
      const deliveries = new Deliveries();
      await by.consume(from, prefetch, deliveries.receive);
      return deliveries;
    };
    /** A queue of the test's own that takes the commands `<queue>.#`. */
    const declare = async (): Promise<void> => {
      const bindings = [{ exchange: COMMANDS_EXCHANGE, routingKey: `${queue}.#` }];
      await broker.declare([{ name: queue, bindings }]);
    };
    const command = (content: string | Buffer, more: Partial<BrokerMessage> = {}) =>
      message({ routingKey: `${queue}.run`, payload: Buffer.from(content), ...more });
    const publish = async (...messages: BrokerMessage[]): Promise<void> => {
      expect(await broker.publish(messages)).toEqual(messages.map(() => undefined));
    };

    beforeEach(async () => {
      queue = `q-${randomUUID().slice(0, 8)}`;
      ({ broker } = await another());
      await declare();
    });
    afterEach(async () => {
      await Promise.all(clients.splice(0).map((client) => client.close()));
    });

    describe('publishing', () => {
      it('carries every part of a message', async () => {
        const deliveries = await consume();
        const sent = command('{"a":1}', {
          headers: {
            route: 'run',
            'x-naïve': 'größer 🐘 日本',
            'cloudEvents:type': 'a.b.v1',
            empty: '',
          },
          contentType: 'application/cloudevents+json',
          correlationId: 'c-1',
          replyTo: 'asker',
        });
        await publish(sent);
        const { message: arrived, attempt, queue: from } = await deliveries.next();
        expect({ ...arrived, payload: arrived.payload.toString() }).toEqual({
          ...sent,
          payload: '{"a":1}',
        });
        expect([attempt, from]).toEqual([1, queue]);
      });

      it('carries large, binary and empty payloads unchanged', async () => {
        const deliveries = await consume();
        const payloads = [
          randomBytes(256 * 1024),
          Buffer.from([0, 255, 254, 0, 10, 13]),
          Buffer.alloc(0),
        ];
        await publish(...payloads.map((payload) => command(payload)));
        const arrived = await deliveries.take(payloads.length);
        expect(
          arrived.map(({ message: { payload } }) => payload.equals(payloads.shift()!)),
        ).toEqual([true, true, true]);
      });

      it('routes by * for one word and by # for any number of words', async () => {
        const [one, any, both] = [`${queue}-one`, `${queue}-any`, `${queue}-both`];
        const bind = (name: string, ...routingKeys: string[]) => ({
          name,
          bindings: routingKeys.map((routingKey) => ({ exchange: EVENTS_EXCHANGE, routingKey })),
        });
        const star = `${queue}.*.paid`;
        const hash = `${queue}.#`;
        await broker.declare([bind(one, star), bind(any, hash), bind(both, star, hash)]);
        const keys = ['1.paid', '1.2.paid', '1.refused', 'paid', '2.paid'].map(
          (k) => `${queue}.${k}`,
        );
        await publish(
          ...keys.map((routingKey) => message({ exchange: EVENTS_EXCHANGE, routingKey })),
          message({ exchange: EVENTS_EXCHANGE, routingKey: `${queue}` }),
          message({ exchange: EVENTS_EXCHANGE, routingKey: `${queue}-other.1.paid` }),
          message({ exchange: EVENTS_EXCHANGE, routingKey: `${queue}.end.paid` }),
        );
        const routed = async (name: string, count: number) =>
          (await (await consume(name)).take(count)).map((delivery) => delivery.message.routingKey);
        const all = [...keys, queue, `${queue}.end.paid`];
        expect(await routed(one, 3)).toEqual([keys[0], keys[4], `${queue}.end.paid`]);
        expect(await routed(any, all.length)).toEqual(all);
        // A queue that two of its bindings fit gets the message once.
        expect(await routed(both, all.length)).toEqual(all);
      });

      it('gives an event to every subscribed queue', async () => {
        const names = [`${queue}-a`, `${queue}-b`];
        const bindings = [{ exchange: EVENTS_EXCHANGE, routingKey: queue }];
        await broker.declare(names.map((name) => ({ name, bindings })));
        const event = message({ exchange: EVENTS_EXCHANGE, routingKey: queue });
        await publish(event);
        for (const name of names) {
          expect((await (await consume(name)).next()).message.id).toBe(event.id);
        }
      });

      it('calls a command that no queue takes an error, and publishes its neighbours', async () => {
        const deliveries = await consume();
        const [first, last] = [command('first'), command('last')];
        const nobodys = message({ routingKey: `nobody-${queue}` });
        const unheard = message({ exchange: EVENTS_EXCHANGE, routingKey: `unheard-${queue}` });
        const outcomes = await broker.publish([first, nobodys, unheard, last]);
        expect(outcomes).toEqual([undefined, expect.any(Error), undefined, undefined]);
        expect(String(outcomes[1])).toContain('unroutable');
        expect(ids(await deliveries.take(2))).toEqual([first.id, last.id]);
      });

      it('takes 5,000 messages in one call and keeps their order', async () => {
        const messages = Array.from({ length: 5_000 }, (_, n) => command(String(n)));
        await publish(...messages);
        const deliveries = await consume(queue, 500);
        for (let n = 0; n < messages.length; n += 500) {
          const taken = await deliveries.take(500);
          expect(ids(taken)).toEqual(messages.slice(n, n + 500).map(({ id }) => id));
          await Promise.all(taken.map((delivery) => delivery.ack()));
        }
      });

      it('answers into a reply queue, and does not mind one that is gone', async () => {
        const deliveries = await consume();
        const answer = command('answer', { correlationId: 'asked-7' });
        await broker.reply({ ...answer, replyTo: `gone-${queue}` });
        await broker.reply({ ...answer, replyTo: queue });
        const { message: arrived } = await deliveries.next();
        expect([arrived.correlationId, arrived.payload.toString()]).toEqual(['asked-7', 'answer']);
      });
    });

    describe('delivering', () => {
      it('does not deliver again what was acknowledged, and delivers again what was not', async () => {
        const consumer = await another();
        const deliveries = await consume(queue, 100, consumer.broker);
        const messages = ['a', 'b', 'c', 'd'].map((content) => command(content));
        await publish(...messages);
        const [a, , c] = await deliveries.take(4);
        await Promise.all([c!.ack(), a!.ack()]);
        await close(consumer);
        const sentinel = command('sentinel');
        await publish(sentinel);
        const again = await (await consume()).take(3);
        expect(ids(again).sort()).toEqual([messages[1]!.id, messages[3]!.id, sentinel.id].sort());
        expect(again.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
      });

      it('hands out no more than the prefetch, and the next one for each that is settled', async () => {
        const deliveries = await consume(queue, 3);
        await publish(...Array.from({ length: 10 }, (_, n) => command(String(n))));
        const [first] = await deliveries.take(3);
        await eventually(() => broker.depth(queue), 7);
        expect(deliveries.all).toHaveLength(3);
        await first!.ack();
        await deliveries.next();
        await eventually(() => broker.depth(queue), 6);
        expect(deliveries.all).toHaveLength(4);
      });

      it('shares a queue between consumers, each message to one of them', async () => {
        const [mine, others] = [
          await consume(queue, 1),
          await consume(queue, 1, (await another()).broker),
        ];
        const messages = Array.from({ length: 20 }, (_, n) => command(String(n)));
        await publish(...messages);
        const held = [await mine.next(), await others.next()];
        await held[0]!.ack();
        for (let n = 2; n < messages.length; n += 1) await (await mine.next()).ack();
        await held[1]!.ack();
        expect(ids([...mine.all, ...others.all]).sort()).toEqual(
          messages.map(({ id }) => id).sort(),
        );
        await eventually(() => broker.depth(queue), 0);
      });

      it('delivers nothing more after stop, and lets what is at hand be settled', async () => {
        const deliveries = new Deliveries();
        const consumption = await broker.consume(queue, 1, deliveries.receive);
        await publish(command('at hand'), command('waiting'));
        const atHand = await deliveries.next();
        await consumption.stop();
        await atHand.ack();
        const next = await (await consume()).next();
        expect(next.message.payload.toString()).toBe('waiting');
        await next.ack();
        await eventually(() => broker.depth(queue), 0);
        expect(deliveries.all).toHaveLength(1);
      });

      it('counts the messages that wait', async () => {
        expect(await broker.depth(queue)).toBe(0);
        await publish(command('1'), command('2'), command('3'));
        await eventually(() => broker.depth(queue), 3);
      });

      it('keeps queues and their messages when they are declared again', async () => {
        await publish(command('kept'));
        await declare();
        const { broker: other } = await another();
        await other.declare([
          { name: queue, bindings: [{ exchange: EVENTS_EXCHANGE, routingKey: `also.${queue}` }] },
        ]);
        await publish(
          message({ exchange: EVENTS_EXCHANGE, routingKey: `also.${queue}` }),
          command('old'),
        );
        const arrived = await (await consume()).take(3);
        expect(arrived.map(({ message: { payload } }) => payload.toString())).toEqual([
          'kept',
          '',
          'old',
        ]);
      });

      it('is up when it is connected and every consumer is attached', async () => {
        await consume();
        expect(broker.state()).toEqual({ up: true });
      });
    });

    describe('a retry', () => {
      it('comes back after the delay as the same message with the next attempt and the error', async () => {
        const deliveries = await consume();
        const sent = command('again', {
          headers: { route: 'run', tenant: 'é' },
          correlationId: 'c',
        });
        await publish(sent);
        const before = performance.now();
        await (await deliveries.next()).retry(1_000, 'no luck: ünglücklich');
        const second = await deliveries.next();
        expect(performance.now() - before).toBeGreaterThan(950);
        expect(second.attempt).toBe(2);
        expect(second.message).toMatchObject({
          ...sent,
          headers: {
            ...sent.headers,
            [HEADER.attempt]: '2',
            [HEADER.error]: 'no luck: ünglücklich',
          },
        });
        await second.retry(1_000, 'still none');
        const third = await deliveries.next();
        expect(third.attempt).toBe(3);
        const firstAt = (delivery: typeof third) => delivery.message.headers[HEADER.firstAt] ?? '';
        expect(third.message.headers[HEADER.error]).toBe('still none');
        expect(firstAt(third)).toBe(firstAt(second));
        expect(Date.parse(firstAt(third))).not.toBeNaN();
      });

      it('does not hold up the messages behind it', async () => {
        const deliveries = await consume(queue, 1);
        const [poison, healthy] = [command('poison'), command('healthy')];
        await publish(poison, healthy);
        await (await deliveries.next()).retry(5_000, 'later');
        const next = await deliveries.next();
        expect(next.message.id).toBe(healthy.id);
        await next.ack();
      });
    });

    describe('a dead letter', () => {
      it('lies in the dead letters of its queue with the reason, and the queue keeps flowing', async () => {
        const deliveries = await consume(queue, 1);
        const [poison, healthy] = [
          command('poison', { headers: { route: 'run' } }),
          command('healthy'),
        ];
        await publish(poison, healthy);
        await (await deliveries.next()).deadLetter('undecodable: ß');
        const next = await deliveries.next();
        expect(next.message.id).toBe(healthy.id);
        await next.ack();
        const dead = await (await consume(`${queue}.dlq`)).next();
        expect(dead.message).toMatchObject({
          ...poison,
          headers: { route: 'run', [HEADER.error]: 'undecodable: ß' },
        });
        await dead.ack();
        await eventually(() => broker.depth(`${queue}.dlq`), 0);
      });

      it('keeps the attempts it has had', async () => {
        const deliveries = await consume();
        await publish(command('poison'));
        await (await deliveries.next()).retry(1_000, 'first');
        await (await deliveries.next()).deadLetter('second');
        const dead = await (await consume(`${queue}.dlq`)).next();
        expect(dead.attempt).toBe(2);
        expect(dead.message.headers[HEADER.error]).toBe('second');
      });
    });

    const whenItCanBeCut = cutConnections ? describe : describe.skip;
    whenItCanBeCut('a lost connection', () => {
      it('attaches the consumers again, and refuses the deliveries of the older connection', async () => {
        const deliveries = await consume();
        const sent = command('survivor');
        await publish(sent);
        const old = await deliveries.next();
        await cutConnections!();
        const again = await deliveries.next();
        expect(again.message.id).toBe(sent.id);
        await expect(old.ack()).rejects.toThrow();
        await expect(old.retry(1_000, 'late')).rejects.toThrow();
        await expect(old.deadLetter('late')).rejects.toThrow();
        await again.ack();
        await eventually(() => broker.state().up, true);
        await publish(command('next'));
        expect((await deliveries.next()).message.payload.toString()).toBe('next');
      });

      it('loses nothing that was confirmed, and every publish gets its outcome', async () => {
        const messages = Array.from({ length: 2_000 }, (_, n) => command(String(n)));
        const publishing = broker.publish(messages);
        await cutConnections!();
        const outcomes = await publishing;
        expect(outcomes).toHaveLength(messages.length);
        const confirmed = messages.filter((_, n) => outcomes[n] === undefined);
        const sentinel = command('sentinel');
        await publish(sentinel);
        const deliveries = await consume();
        const arrived = new Set<string>();
        while (!arrived.has(sentinel.id)) {
          const delivery = await deliveries.next();
          arrived.add(delivery.message.id);
          await delivery.ack();
        }
        expect(confirmed.filter(({ id }) => !arrived.has(id))).toEqual([]);
      });
    });
  });
}

function message(more: Partial<BrokerMessage>): BrokerMessage {
  return {
    id: randomUUID(),
    exchange: COMMANDS_EXCHANGE,
    routingKey: 'run',
    headers: {},
    contentType: 'application/json',
    payload: Buffer.alloc(0),
    ...more,
  };
}

function ids(deliveries: readonly { message: BrokerMessage }[]): string[] {
  return deliveries.map((delivery) => delivery.message.id);
}

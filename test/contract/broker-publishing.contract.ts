import { randomBytes } from 'node:crypto';
import { EVENTS_EXCHANGE } from '../../src/kernel/messaging/broker.js';
import { type BrokerFixture, ids, message } from './broker-fixture.js';

/** What every broker promises to whoever publishes. */
export function publishingContract(fixture: () => BrokerFixture): void {
  describe('publishing', () => {
    it('carries every part of a message', async () => {
      const f = fixture();
      const deliveries = await f.consume();
      const sent = f.command('{"a":1}', {
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
      await f.publish(sent);
      const { message: arrived, attempt, queue: from } = await deliveries.next();
      expect({ ...arrived, payload: arrived.payload.toString() }).toEqual({
        ...sent,
        payload: '{"a":1}',
      });
      expect([attempt, from]).toEqual([1, f.queue]);
    });

    it('carries large, binary and empty payloads unchanged', async () => {
      const f = fixture();
      const deliveries = await f.consume();
      const payloads = [
        randomBytes(256 * 1024),
        Buffer.from([0, 255, 254, 0, 10, 13]),
        Buffer.alloc(0),
      ];
      await f.publish(...payloads.map((payload) => f.command(payload)));
      const arrived = await deliveries.take(payloads.length);
      expect(arrived.map(({ message: { payload } }) => payload.equals(payloads.shift()!))).toEqual([
        true,
        true,
        true,
      ]);
    });

    it('routes by * for one word and by # for any number of words', async () => {
      const f = fixture();
      const [one, any, both] = [`${f.queue}-one`, `${f.queue}-any`, `${f.queue}-both`];
      const bind = (name: string, ...routingKeys: string[]) => ({
        name,
        bindings: routingKeys.map((routingKey) => ({ exchange: EVENTS_EXCHANGE, routingKey })),
      });
      const star = `${f.queue}.*.paid`;
      const hash = `${f.queue}.#`;
      await f.broker.declare([bind(one, star), bind(any, hash), bind(both, star, hash)]);
      const keys = ['1.paid', '1.2.paid', '1.refused', 'paid', '2.paid'].map(
        (k) => `${f.queue}.${k}`,
      );
      await f.publish(
        ...keys.map((routingKey) => message({ exchange: EVENTS_EXCHANGE, routingKey })),
        message({ exchange: EVENTS_EXCHANGE, routingKey: `${f.queue}` }),
        message({ exchange: EVENTS_EXCHANGE, routingKey: `${f.queue}-other.1.paid` }),
        message({ exchange: EVENTS_EXCHANGE, routingKey: `${f.queue}.end.paid` }),
      );
      const routed = async (name: string, count: number) =>
        (await (await f.consume(name)).take(count)).map((delivery) => delivery.message.routingKey);
      const all = [...keys, f.queue, `${f.queue}.end.paid`];
      expect(await routed(one, 3)).toEqual([keys[0], keys[4], `${f.queue}.end.paid`]);
      expect(await routed(any, all.length)).toEqual(all);
      // A queue that two of its bindings fit gets the message once.
      expect(await routed(both, all.length)).toEqual(all);
    });

    it('gives an event to every subscribed queue', async () => {
      const f = fixture();
      const names = [`${f.queue}-a`, `${f.queue}-b`];
      const bindings = [{ exchange: EVENTS_EXCHANGE, routingKey: f.queue }];
      await f.broker.declare(names.map((name) => ({ name, bindings })));
      const event = message({ exchange: EVENTS_EXCHANGE, routingKey: f.queue });
      await f.publish(event);
      for (const name of names) {
        expect((await (await f.consume(name)).next()).message.id).toBe(event.id);
      }
    });

    it('sends a message straight into one queue, with the address that it had', async () => {
      const f = fixture();
      const [one, other] = [`${f.queue}-a`, `${f.queue}-b`];
      const bindings = [{ exchange: EVENTS_EXCHANGE, routingKey: f.queue }];
      await f.broker.declare([one, other].map((name) => ({ name, bindings })));
      const again = message({ exchange: EVENTS_EXCHANGE, routingKey: f.queue });
      const last = message({ exchange: EVENTS_EXCHANGE, routingKey: f.queue });
      const nowhere = { ...again, toQueue: `${f.queue}-gone` };
      const outcomes = await f.broker.publish([{ ...again, toQueue: one }, nowhere, last]);
      expect(outcomes.map((outcome) => outcome?.name)).toEqual([
        undefined,
        'UnroutableError',
        undefined,
      ]);
      const [first] = await (await f.consume(one)).take(2);
      expect(first?.message).toEqual(again);
      expect((await (await f.consume(other)).next()).message.id).toBe(last.id);
    });

    it('calls a command that no queue takes an error, and publishes its neighbours', async () => {
      const f = fixture();
      const deliveries = await f.consume();
      const [first, last] = [f.command('first'), f.command('last')];
      const nobodys = message({ routingKey: `nobody-${f.queue}` });
      const unheard = message({ exchange: EVENTS_EXCHANGE, routingKey: `unheard-${f.queue}` });
      const outcomes = await f.broker.publish([first, nobodys, unheard, last]);
      expect(outcomes).toEqual([undefined, expect.any(Error), undefined, undefined]);
      expect(String(outcomes[1])).toContain('unroutable');
      expect(ids(await deliveries.take(2))).toEqual([first.id, last.id]);
    });

    it('takes 5,000 messages in one call and keeps their order', async () => {
      const f = fixture();
      const messages = Array.from({ length: 5_000 }, (_, n) => f.command(String(n)));
      await f.publish(...messages);
      const deliveries = await f.consume(f.queue, 500);
      for (let n = 0; n < messages.length; n += 500) {
        const taken = await deliveries.take(500);
        expect(ids(taken)).toEqual(messages.slice(n, n + 500).map(({ id }) => id));
        await Promise.all(taken.map((delivery) => delivery.ack()));
      }
    });

    it('keeps the order of calls that were made at once', async () => {
      const f = fixture();
      const deliveries = await f.consume(f.queue, 500);
      // The first takes so long that the others would be there before it if they could.
      const calls = [400, 1, 1, 1, 1].map((size, n) =>
        Array.from({ length: size }, () => f.command(String(n))),
      );
      const before = Array.from({ length: 8 }, () => [f.command('before')]); // every line is open then
      await Promise.all(before.map((messages) => f.publish(...messages)));
      await Promise.all(calls.map((messages) => f.publish(...messages)));
      const taken = await deliveries.take([...before, ...calls].flat().length);
      expect(ids(taken)).toEqual([...before, ...calls].flat().map(({ id }) => id));
    });

    it('answers into a reply queue, and does not mind one that is gone', async () => {
      const f = fixture();
      const deliveries = await f.consume();
      const answer = f.command('answer', { correlationId: 'asked-7' });
      await f.broker.reply({ ...answer, replyTo: `gone-${f.queue}` });
      await f.broker.reply({ ...answer, replyTo: f.queue });
      const { message: arrived } = await deliveries.next();
      expect([arrived.correlationId, arrived.payload.toString()]).toEqual(['asked-7', 'answer']);
    });
  });
}

import { EVENTS_EXCHANGE } from '../../src/kernel/messaging/broker.js';
import { type BrokerFixture, ids, message } from './broker-fixture.js';
import { Deliveries, eventually } from './deliveries.js';

/** What every broker promises to whoever consumes. */
export function deliveringContract(fixture: () => BrokerFixture): void {
  describe('delivering', () => {
    it('does not deliver again what was acknowledged, and delivers again what was not', async () => {
      const f = fixture();
      const consumer = await f.another();
      const deliveries = await f.consume(f.queue, 100, consumer.broker);
      const messages = ['a', 'b', 'c', 'd'].map((content) => f.command(content));
      await f.publish(...messages);
      const [a, , c] = await deliveries.take(4);
      await Promise.all([c!.ack(), a!.ack()]);
      await f.close(consumer);
      const sentinel = f.command('sentinel');
      await f.publish(sentinel);
      const again = await (await f.consume()).take(3);
      expect(ids(again).sort()).toEqual([messages[1]!.id, messages[3]!.id, sentinel.id].sort());
      expect(again.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
    });

    it('hands out no more than the prefetch, and the next one for each that is settled', async () => {
      const f = fixture();
      const deliveries = await f.consume(f.queue, 3);
      await f.publish(...Array.from({ length: 10 }, (_, n) => f.command(String(n))));
      const [first] = await deliveries.take(3);
      await eventually(() => f.broker.depth(f.queue), 7);
      expect(deliveries.all).toHaveLength(3);
      await first!.ack();
      await deliveries.next();
      await eventually(() => f.broker.depth(f.queue), 6);
      expect(deliveries.all).toHaveLength(4);
    });

    it('shares a queue between consumers, each message to one of them', async () => {
      const f = fixture();
      const [mine, others] = [
        await f.consume(f.queue, 1),
        await f.consume(f.queue, 1, (await f.another()).broker),
      ];
      const messages = Array.from({ length: 20 }, (_, n) => f.command(String(n)));
      await f.publish(...messages);
      const held = [await mine.next(), await others.next()];
      await held[0]!.ack();
      for (let n = 2; n < messages.length; n += 1) await (await mine.next()).ack();
      await held[1]!.ack();
      expect(ids([...mine.all, ...others.all]).sort()).toEqual(messages.map(({ id }) => id).sort());
      await eventually(() => f.broker.depth(f.queue), 0);
    });

    it('delivers nothing more after stop, and lets what is at hand be settled', async () => {
      const f = fixture();
      const deliveries = new Deliveries();
      const consumption = await f.broker.consume(f.queue, 1, deliveries.receive);
      await f.publish(f.command('at hand'), f.command('waiting'));
      const atHand = await deliveries.next();
      await consumption.stop();
      await atHand.ack();
      const next = await (await f.consume()).next();
      expect(next.message.payload.toString()).toBe('waiting');
      await next.ack();
      await eventually(() => f.broker.depth(f.queue), 0);
      expect(deliveries.all).toHaveLength(1);
    });

    it('counts the messages that wait', async () => {
      const f = fixture();
      expect(await f.broker.depth(f.queue)).toBe(0);
      await f.publish(f.command('1'), f.command('2'), f.command('3'));
      await eventually(() => f.broker.depth(f.queue), 3);
    });

    it('keeps queues and their messages when they are declared again', async () => {
      const f = fixture();
      await f.publish(f.command('kept'));
      await f.declare();
      const { broker: other } = await f.another();
      await other.declare([
        { name: f.queue, bindings: [{ exchange: EVENTS_EXCHANGE, routingKey: `also.${f.queue}` }] },
      ]);
      await f.publish(
        message({ exchange: EVENTS_EXCHANGE, routingKey: `also.${f.queue}` }),
        f.command('old'),
      );
      const arrived = await (await f.consume()).take(3);
      expect(arrived.map(({ message: { payload } }) => payload.toString())).toEqual([
        'kept',
        '',
        'old',
      ]);
    });

    it('is up when it is connected and every consumer is attached', async () => {
      const f = fixture();
      await f.consume();
      expect(f.broker.state()).toEqual({ up: true });
    });
  });
}

import { COMMANDS_EXCHANGE, type Broker } from '../../src/kernel/messaging/broker.js';
import type { BrokerFixture } from './broker-fixture.js';
import { Deliveries, eventually } from './deliveries.js';

/** What every broker promises of an ordered queue: one consumer at a time, and no message in front of an older one. */
export function orderingContract(
  fixture: () => BrokerFixture,
  cutConnections?: () => Promise<void>,
): void {
  describe('an ordered queue', () => {
    let queue: string;
    let numbers: string[];

    beforeEach(async () => {
      const f = fixture();
      queue = `${f.queue}-ordered`;
      numbers = Array.from({ length: 20 }, (_, n) => String(n));
      await declare(f.broker);
    });

    const declare = (broker: Broker) => {
      const bindings = [{ exchange: COMMANDS_EXCHANGE, routingKey: `${queue}.#` }];
      return broker.declare([{ name: queue, bindings, ordered: true }]);
    };
    const publishAll = () => {
      const f = fixture();
      return f.publish(...numbers.map((n) => f.command(n, { routingKey: `${queue}.run` })));
    };
    const consume = async (broker: Broker, prefetch = 8) => {
      const deliveries = new Deliveries();
      const consumption = await broker.consume(queue, prefetch, deliveries.receive);
      return { deliveries, consumption };
    };
    const textOf = (all: Deliveries['all']) => all.map(({ message }) => message.payload.toString());

    it('is served to one consumer, and at once to the next one when that lets go of it', async () => {
      const f = fixture();
      const first = await consume(f.broker);
      const other = await f.another();
      await declare(other.broker);
      const second = await consume(other.broker);
      await publishAll();
      const taken = await first.deliveries.take(8);
      await Promise.all(taken.slice(0, 3).map((delivery) => delivery.ack()));
      await first.deliveries.take(3);
      expect(second.deliveries.all).toEqual([]);
      await first.consumption.release();
      const before = performance.now();
      const rest = await second.deliveries.take(8);
      expect(performance.now() - before).toBeLessThan(2_000);
      expect(textOf(rest)).toEqual(numbers.slice(3, 11));
    });

    it('gives back in their old places what was not settled', async () => {
      const f = fixture();
      const { deliveries, consumption } = await consume(f.broker);
      await publishAll();
      const taken = await deliveries.take(8);
      await Promise.all([taken[1]!.ack(), taken[4]!.ack()]);
      await eventually(() => deliveries.all.length, 10);
      await consumption.release();
      expect(taken[0]!.isLost || (await rejects(taken[0]!.ack()))).toBe(true);
      const again = await consume(f.broker, 100);
      const rest = await again.deliveries.take(18);
      expect(textOf(rest)).toEqual(numbers.filter((n) => n !== '1' && n !== '4'));
      expect(rest.map((delivery) => delivery.isLost)).toEqual(rest.map(() => false));
    });

    if (cutConnections) {
      it('delivers in order again after a lost connection, and knows the older deliveries as lost', async () => {
        const { deliveries } = await consume(fixture().broker);
        await publishAll();
        const old = await deliveries.take(8);
        await cutConnections();
        const again = await deliveries.take(8);
        expect(textOf(again)).toEqual(numbers.slice(0, 8));
        expect(old.every((delivery) => delivery.isLost)).toBe(true);
        expect(again.some((delivery) => delivery.isLost)).toBe(false);
      });
    }
  });
}

async function rejects(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => false,
    () => true,
  );
}

import type { BrokerMessage } from '../../src/kernel/messaging/broker.js';
import { type BrokerFixture, message } from './broker-fixture.js';
import { eventually } from './deliveries.js';

/** What every broker promises to whoever waits for replies. */
export function repliesContract(
  fixture: () => BrokerFixture,
  cutConnections?: () => Promise<void>,
): void {
  describe('replies', () => {
    const open = async (f: BrokerFixture) => {
      const arrived: BrokerMessage[] = [];
      const { broker } = await f.another();
      const queue = await broker.openReplies((reply) => arrived.push(reply));
      return { queue, arrived };
    };
    const answer = (f: BrokerFixture, replyTo = '', correlationId = '') =>
      f.broker.reply({ ...message({ correlationId }), replyTo });
    const isThere = async (f: BrokerFixture, toQueue: string): Promise<boolean> => {
      const [outcome] = await f.broker.publish([message({ toQueue })]);
      if (outcome) expect(outcome.name).toBe('UnroutableError');
      return outcome === undefined;
    };

    it('come to the process that opened the queue, and to no other', async () => {
      const f = fixture();
      const [one, other] = [await open(f), await open(f)];
      await answer(f, one.queue.name, 'first');
      await answer(f, other.queue.name, 'second');
      await eventually(() => one.arrived.length + other.arrived.length, 2);
      expect(one.arrived.map((reply) => reply.correlationId)).toEqual(['first']);
      expect(other.arrived.map((reply) => reply.correlationId)).toEqual(['second']);
    });

    it('have no queue any more when it was closed, and nobody minds', async () => {
      const f = fixture();
      const { queue, arrived } = await open(f);
      const name = queue.name ?? '';
      expect(await isThere(f, name)).toBe(true);
      await eventually(() => arrived.length, 1);
      await queue.close();
      await answer(f, name, 'too late');
      expect(await isThere(f, name)).toBe(false);
    });

    it('have no queue any more when their client was closed', async () => {
      const f = fixture();
      const asker = await f.another();
      const { name } = await asker.broker.openReplies(() => undefined);
      await f.close(asker);
      expect(await isThere(f, name ?? '')).toBe(false);
    });

    if (!cutConnections) return;
    it('have a queue again after a lost connection', async () => {
      const f = fixture();
      const { queue, arrived } = await open(f);
      const before = queue.name;
      await cutConnections();
      await eventually(() => queue.name !== undefined && queue.name !== before, true);
      await f.declare(); // the other client is back as well
      await eventually(async () => {
        await answer(f, queue.name, 'after');
        return arrived.length > 0;
      }, true);
      expect(arrived[0]?.correlationId).toBe('after');
    });
  });
}

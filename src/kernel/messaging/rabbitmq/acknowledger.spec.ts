import fc from 'fast-check';
import { Acknowledger } from './acknowledger.js';

/** RabbitMQ's view of one channel: refuses tags that it does not know, as the server does with 406. */
class Channel {
  readonly pending: number[] = [];

  ack(tag: number, allUpTo: boolean): void {
    if (!this.pending.includes(tag)) throw new Error(`unknown delivery tag ${String(tag)}`);
    const rest = this.pending.filter((other) => (allUpTo ? other > tag : other !== tag));
    this.pending.splice(0, this.pending.length, ...rest);
  }
}

it('acknowledges exactly what was settled, whatever the order', async () => {
  const turns = fc.array(fc.array(fc.nat({ max: 9 }), { maxLength: 4 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(turns, async (settledPerTurn) => {
      const channel = new Channel();
      const acknowledger = new Acknowledger(
        (tag, allUpTo) => {
          channel.ack(tag, allUpTo);
        },
        () => undefined,
      );
      const unsettled: number[] = [];
      for (let tag = 1; tag <= 10; tag += 1) {
        acknowledger.delivered(tag);
        channel.pending.push(tag);
        unsettled.push(tag);
      }
      for (const picks of settledPerTurn) {
        const tags = new Set(picks.flatMap((pick) => unsettled[pick % unsettled.length] ?? []));
        const acknowledged = [...tags].map((tag) => acknowledger.acknowledge(tag));
        await Promise.all(acknowledged);
        unsettled.splice(0, unsettled.length, ...unsettled.filter((tag) => !tags.has(tag)));
        expect(channel.pending).toEqual(unsettled);
      }
      expect(acknowledger.atHand).toBe(unsettled.length);
    }),
  );
});

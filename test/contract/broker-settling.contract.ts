import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import type { BrokerFixture } from './broker-fixture.js';
import { eventually } from './deliveries.js';

/** What becomes of messages that could not be handled. */
export function settlingContract(fixture: () => BrokerFixture): void {
  describe('a retry', () => {
    it('comes back after the delay as the same message with the next attempt and the error', async () => {
      const f = fixture();
      const deliveries = await f.consume();
      const sent = f.command('again', {
        headers: { route: 'run', tenant: 'é' },
        correlationId: 'c',
      });
      await f.publish(sent);
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

    it('keeps its attempt where it is told so', async () => {
      const f = fixture();
      const deliveries = await f.consume();
      await f.publish(f.command('not counted'));
      const first = await deliveries.next();
      await first.retry(1_000, 'not its fault', first.attempt);
      expect((await deliveries.next()).attempt).toBe(1);
    });

    it('does not hold up the messages behind it', async () => {
      const f = fixture();
      const deliveries = await f.consume(f.queue, 1);
      const [poison, healthy] = [f.command('poison'), f.command('healthy')];
      await f.publish(poison, healthy);
      await (await deliveries.next()).retry(5_000, 'later');
      const next = await deliveries.next();
      expect(next.message.id).toBe(healthy.id);
      await next.ack();
      await eventually(async () => (await f.broker.retrying(f.queue, 5_000)) > 0, true);
    });
  });

  describe('a dead letter', () => {
    it('lies in the dead letters of its queue with the reason, and the queue keeps flowing', async () => {
      const f = fixture();
      const deliveries = await f.consume(f.queue, 1);
      const [poison, healthy] = [
        f.command('poison', { headers: { route: 'run' } }),
        f.command('healthy'),
      ];
      await f.publish(poison, healthy);
      await (await deliveries.next()).deadLetter('undecodable: ß');
      const next = await deliveries.next();
      expect(next.message.id).toBe(healthy.id);
      await next.ack();
      const dead = await (await f.consume(`${f.queue}.dlq`)).next();
      expect(dead.message).toMatchObject({
        ...poison,
        headers: { route: 'run', [HEADER.error]: 'undecodable: ß' },
      });
      await dead.ack();
      await eventually(() => f.broker.depth(`${f.queue}.dlq`), 0);
    });

    it('keeps the attempts it has had', async () => {
      const f = fixture();
      const deliveries = await f.consume();
      await f.publish(f.command('poison'));
      await (await deliveries.next()).retry(1_000, 'first');
      await (await deliveries.next()).deadLetter('second');
      const dead = await (await f.consume(`${f.queue}.dlq`)).next();
      expect(dead.attempt).toBe(2);
      expect(dead.message.headers[HEADER.error]).toBe('second');
    });
  });
}

/** What every broker promises when its line is cut. */
export function cutContract(
  fixture: () => BrokerFixture,
  cutConnections: () => Promise<void>,
): void {
  describe('a lost connection', () => {
    it('attaches the consumers again, and refuses the deliveries of the older connection', async () => {
      const f = fixture();
      const deliveries = await f.consume();
      const sent = f.command('survivor');
      await f.publish(sent);
      const old = await deliveries.next();
      await cutConnections();
      const again = await deliveries.next();
      expect(again.message.id).toBe(sent.id);
      await expect(old.ack()).rejects.toThrow();
      await expect(old.retry(1_000, 'late')).rejects.toThrow();
      await expect(old.deadLetter('late')).rejects.toThrow();
      await again.ack();
      await eventually(() => f.broker.state().up, true);
      await f.publish(f.command('next'));
      expect((await deliveries.next()).message.payload.toString()).toBe('next');
    });

    it('loses nothing that was confirmed, and every publish gets its outcome', async () => {
      const f = fixture();
      const messages = Array.from({ length: 2_000 }, (_, n) => f.command(String(n)));
      const publishing = f.broker.publish(messages);
      await cutConnections();
      const outcomes = await publishing;
      expect(outcomes).toHaveLength(messages.length);
      const confirmed = messages.filter((_, n) => outcomes[n] === undefined);
      const sentinel = f.command('sentinel');
      await f.publish(sentinel);
      const deliveries = await f.consume();
      const arrived = new Set<string>();
      while (!arrived.has(sentinel.id)) {
        const delivery = await deliveries.next();
        arrived.add(delivery.message.id);
        await delivery.ack();
      }
      expect(confirmed.filter(({ id }) => !arrived.has(id))).toEqual([]);
    });
  });
}

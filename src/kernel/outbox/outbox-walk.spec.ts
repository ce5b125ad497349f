import type { OutboxRow } from './outbox-message.js';
import { OutboxWalk } from './outbox-walk.js';

const row = (seq: string, shard: number): OutboxRow => ({
  shard,
  seq,
  id: seq,
  key: null,
  exchange: 'millrace.events',
  routing_key: 'things',
  headers: '{}',
  payload: '{}',
  created_at: new Date(0),
});

describe('a walk over the outbox', () => {
  it('has delivered rows at hand until their delivery ends, and those not taken until its own end', async () => {
    const walk = new OutboxWalk([1, 2]);
    const ready = walk.take([row('5', 1), row('6', 2)], ({ seq }) => seq === '5');
    expect(ready.map(({ seq }) => seq)).toEqual(['5']);
    expect([...walk.heldUp]).toEqual([2]);
    expect(walk.taken).toBe(1);
    const delivery = Promise.withResolvers<undefined>();
    walk.accompany(ready, delivery.promise);
    expect([...walk.atHand.keys()]).toEqual(['5', '6']);
    delivery.resolve(undefined);
    await walk.ended();
    expect([...walk.atHand.keys()]).toEqual(['6']);
  });

  it('knows of a failed delivery only as its own failure, after every other has ended', async () => {
    const walk = new OutboxWalk([1]);
    const slow = Promise.withResolvers<undefined>();
    walk.accompany([], Promise.reject(new Error('the broker is away')));
    walk.accompany([], slow.promise);
    await walk.room(2);
    expect(walk.hasFailed).toBe(true);
    let hasEnded = false;
    const ended = walk.ended().then(() => (hasEnded = true));
    await walk.room(2);
    expect(hasEnded).toBe(false);
    slow.resolve(undefined);
    await ended;
    expect(() => {
      walk.check();
    }).toThrow('the broker is away');
  });
});

import { Redis } from 'ioredis';
import { BettingStand } from '../../../../test/support/betting.js';
import type { Lease } from '../../../../test/support/services.js';
import { testRedis } from '../../../../test/support/test-redis.js';
import { Subscriptions } from './subscriptions.repository.js';

/** What holds with and without Redis. */
describe.each(['postgres', 'redis'] as const)('the index of subscriptions in %s', (store) => {
  let stand: BettingStand;
  let lease: Lease | undefined;
  let redis: Redis | undefined;
  beforeAll(async () => {
    lease = store === 'redis' ? await testRedis() : undefined;
    redis = lease && new Redis(lease.url);
    stand = await BettingStand.boot({ env: lease ? { REDIS_URL: lease.url } : {} });
  });
  afterAll(async () => {
    await stand.stop();
    await redis?.quit();
    await lease?.release();
  });

  const among = (eventId: string, ...owners: string[]) =>
    stand.app.get(Subscriptions).among(eventId, new Set(owners));
  const subscribed = async () => {
    const event_id = await stand.offer();
    await stand.bet({ event_id, sum_bet: 1 });
    return event_id;
  };

  it('knows who has bet on an event, and of those asked for only them', async () => {
    const event_id = await subscribed();
    expect(await among(event_id, 'anonymous', 'somebody')).toEqual(['anonymous']);
    expect(await among(event_id, 'somebody')).toEqual([]);
    expect(await among(await stand.offer(), 'anonymous')).toEqual([]);
  });

  it('takes in whoever bets after it was asked', async () => {
    const event_id = await stand.offer();
    expect(await among(event_id, 'anonymous')).toEqual([]);
    await stand.bet({ event_id, sum_bet: 1 });
    await stand.app.until(async () => (await among(event_id, 'anonymous')).length === 1);
  });

  it('is loaded again after it was lost', async () => {
    const event_id = await subscribed();
    expect(await among(event_id, 'anonymous')).toEqual(['anonymous']);
    await redis?.flushdb();
    expect(await among(event_id, 'anonymous')).toEqual(['anonymous']);
    // A bet after the loss makes a set again, but not the whole one.
    await redis?.flushdb();
    await redis?.sadd(`sub:event:${event_id}`, '.somebody');
    expect(await among(event_id, 'anonymous')).toEqual(['anonymous']);
  });
});

import { Redis } from 'ioredis';
import { bootApp } from '../../test/support/app.js';
import { ProviderStand } from '../../test/support/providers.js';
import type { Lease } from '../../test/support/services.js';
import { testRedis } from '../../test/support/test-redis.js';
import type { MessageView } from './messages.dto.js';

describe('the quota of the free provider, when Redis loses its data in mid-epoch', () => {
  let redis: Lease;
  beforeAll(async () => {
    redis = await testRedis();
  });
  afterAll(() => redis.release());

  it('goes on from the journal: no call is refused, and none that was left is lost', async () => {
    const stand = await ProviderStand.open({ limit: 10, period_ms: 60_000 });
    const app = await bootApp({ env: { ...stand.env, REDIS_URL: redis.url } });
    const client = new Redis(redis.url);
    const send = (count: number) =>
      app.http.post<MessageView[]>(
        '/messages',
        Array.from({ length: count }, () => ({ payload: 'x', max_wait_ms: 20_000 })),
        { prefer: 'wait=15' },
      );
    const used = async (count: number) =>
      (await send(count)).body.map(({ provider_used: provider }) => provider);
    expect(await used(6)).toEqual(Array.from({ length: 6 }, () => 'free'));
    await client.flushdb();
    expect(await used(4)).toEqual(Array.from({ length: 4 }, () => 'free'));
    const after = await app.http.post('/messages', { payload: 'y' }, { prefer: 'wait=10' });
    expect(after.status).toBe(429);
    const { accepted, refused } = stand.free.simulator.statistics();
    expect([accepted, refused]).toEqual([10, 0]);
    client.disconnect();
    await app.stop();
    await stand.close();
  });
});

import { bootApp } from '../../../test/support/app.js';
import { testRedis } from '../../../test/support/test-redis.js';
import { Signals } from './signals.js';

describe.each(['postgres', 'redis'] as const)('signals by %s', (store) => {
  it('reach listeners of their name in all processes', async () => {
    const redis = store === 'redis' ? await testRedis() : undefined;
    const env = { MODULES: 'tasks', ROLES: 'api', ...(redis ? { REDIS_URL: redis.url } : {}) };
    const one = await bootApp({ env });
    const other = await bootApp({ env, beside: one });
    const heard = { here: 0, there: 0, elsewhere: 0 };
    one.get(Signals).on('news', () => (heard.here += 1));
    other.get(Signals).on('news', () => (heard.there += 1));
    other.get(Signals).on('weather', () => (heard.elsewhere += 1));
    // Nobody says when a subscription has begun, and a signal may be lost.
    await one.until(() => {
      one.get(Signals).raise('news');
      return heard.there > 0;
    });
    expect(heard.here).toBeGreaterThan(0);
    expect(heard.elsewhere).toBe(0);
    await other.stop();
    await one.stop();
    await redis?.release();
  });
});

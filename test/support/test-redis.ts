import { Redis } from 'ioredis';
import { testUrl, type Lease } from './services.ts';

/** A numbered Redis database of the test's own, empty; releasing it empties it again. */
export async function testRedis(): Promise<Lease> {
  const server = testUrl('TEST_REDIS_URL');
  const url = new URL(server);
  url.pathname = `/${await nextNumber(server)}`;
  const flush = () => withRedis(url.href, (redis) => redis.flushdb());
  await flush();
  return { url: url.href, release: async () => void (await flush()) };
}

/** Database 0 hands out the others in turn. */
function nextNumber(server: string): Promise<number> {
  return withRedis(server, async (redis) => {
    const [, databases] = (await redis.config('GET', 'databases')) as [string, string];
    return 1 + ((await redis.incr('millrace:test:databases')) % (Number(databases) - 1));
  });
}

async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    await redis.quit();
  }
}

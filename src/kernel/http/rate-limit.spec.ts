import fc from 'fast-check';
import { type Door, openDoor } from '../../../test/support/http-door.js';
import { RateLimit } from './rate-limit.js';

describe('a rate limit', () => {
  it('lets a second’s worth through at once, then one for each refilled token', () => {
    const limit = new RateLimit(3);
    expect([0, 0, 0, 0].map((at) => limit.take('a', at))).toEqual([0, 0, 0, 1]);
    expect(limit.take('a', 334)).toBe(0);
    expect(limit.take('a', 335)).toBeGreaterThan(0);
  });

  it('counts each client by itself', () => {
    const limit = new RateLimit(1);
    expect([limit.take('a', 0), limit.take('b', 0), limit.take('a', 0)]).toEqual([0, 0, 1]);
  });

  it('never refuses a client again that comes back when it was told to', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 200 }),
        (rate, burst) => {
          const limit = new RateLimit(rate);
          const waits = Array.from({ length: burst }, () => limit.take('a', 0)).filter(
            (s) => s > 0,
          );
          const again = waits
            .sort((a, b) => a - b)
            .map((seconds) => limit.take('a', seconds * 1_000));
          expect(again.every((seconds) => seconds === 0)).toBe(true);
        },
      ),
    );
  });

  it('forgets the client that was silent longest when there are too many', () => {
    const limit = new RateLimit(1);
    limit.take('first', 0);
    for (let index = 0; index < 50_000; index += 1) limit.take(`other ${index}`, 0);
    expect(limit.take('first', 0)).toBe(0);
  });
});

describe('with RATE_LIMIT_PER_SECOND', () => {
  let door: Door;
  afterEach(() => door.close());

  it('answers 429 with Retry-After, but never to probes', async () => {
    door = await openDoor({ RATE_LIMIT_PER_SECOND: '2' });
    const answers = [];
    for (let index = 0; index < 5; index += 1) answers.push(await door.app.inject('/things/empty'));
    const refused = answers.filter(({ statusCode }) => statusCode === 429);
    expect(refused.length).toBeGreaterThanOrEqual(2);
    expect(refused[0]?.headers['retry-after']).toMatch(/^[12]$/);
    expect(refused[0]?.json()).toMatchObject({ type: '/problems/too-many-requests', status: 429 });
    for (const url of ['/health', '/metrics', '/api/v1/health']) {
      expect((await door.app.inject(url)).statusCode).toBe(200);
    }
  });
});

import fc from 'fast-check';
import { type Backoff, backoffDelayMs, DEFAULT_BACKOFF } from './backoff.js';

const full = (more: Partial<Backoff> = {}): Backoff => ({
  ...DEFAULT_BACKOFF,
  jitter: false,
  ...more,
});

const backoffs = fc.record({
  kind: fc.constantFrom('exponential' as const, 'fixed' as const),
  delay_ms: fc.integer({ min: 0, max: 86_400_000 }),
  max_ms: fc.integer({ min: 0, max: 30 * 86_400_000 }),
  jitter: fc.boolean(),
});
const attempts = fc.integer({ min: 1, max: 32_767 });
const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('the delay after a failed attempt', () => {
  it('doubles, up to the longest', () => {
    const delays = [1, 2, 3, 4, 5].map((attempt) =>
      backoffDelayMs(full({ delay_ms: 1_000, max_ms: 6_000 }), attempt, 0),
    );
    expect(delays).toEqual([1_000, 2_000, 4_000, 6_000, 6_000]);
  });

  it('stays the same where it is fixed', () => {
    const fixed = full({ kind: 'fixed', delay_ms: 700 });
    expect([1, 2, 9].map((attempt) => backoffDelayMs(fixed, attempt, 0))).toEqual([700, 700, 700]);
  });

  it('is spread over zero to its full length by jitter', () => {
    const jittered = full({ jitter: true, delay_ms: 1_000 });
    expect([0, 0.5, 0.999].map((random) => backoffDelayMs(jittered, 2, random))).toEqual([
      0, 1_000, 1_998,
    ]);
  });

  it('is a whole number of milliseconds between zero and the longest, after any attempt', () => {
    fc.assert(
      fc.property(backoffs, attempts, randoms, (backoff, attempt, random) => {
        const delay = backoffDelayMs(backoff, attempt, random);
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(backoff.max_ms);
      }),
    );
  });

  it('never gets shorter with the attempts', () => {
    fc.assert(
      fc.property(backoffs, attempts, randoms, (backoff, attempt, random) => {
        expect(backoffDelayMs(backoff, attempt + 1, random)).toBeGreaterThanOrEqual(
          backoffDelayMs(backoff, attempt, random),
        );
      }),
    );
  });
});

import fc from 'fast-check';
import { retryAfterMs, toldLimits } from './headers.js';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const DAY = 86_400_000;

describe('Retry-After', () => {
  it.each([
    ['5', 5_000],
    [' 5 ', 5_000],
    ['0', 0],
    ['-3', 0],
    ['999999999999', DAY],
    ['Sat, 21 Nov 2026 12:00:07 GMT', 7_000],
    ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
    ['Saturday, 21-Nov-26 12:00:07 GMT', 7_000],
    ['Wed, 01 Jan 2098 00:00:00 GMT', DAY],
  ])('%p is a duration of %d ms', (value, expected) => {
    expect(retryAfterMs(value, NOW)).toBe(expected);
  });

  it.each([undefined, '', 'soon', '1.5', '1e9', '5 seconds', '21 Nov 2026', 'Foo, never'])(
    '%p is ignored',
    (value) => {
      expect(retryAfterMs(value, NOW)).toBeNull();
    },
  );

  it('never throws, and never asks for less than nothing or more than a day', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String)), (value) => {
        const waitMs = retryAfterMs(value, NOW) ?? 0;
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(DAY);
      }),
    );
  });
});

describe('RateLimit', () => {
  const told = (rateLimit: string, policy?: string) => toldLimits(rateLimit, policy, 10_000);

  it('tells what remains, of which limit, and until when', () => {
    expect(told('"free";r=5;t=8', '"free";q=100;w=10')).toEqual({
      remaining: 5,
      limit: 100,
      resetMs: 8_000,
    });
    expect(told('default; r=0')).toEqual({ remaining: 0, limit: null, resetMs: null });
  });

  it('is read for the policy of our period among several', () => {
    const policies = '"day";q=1000;w=86400, "burst";q=10;w=10';
    expect(told('"day";r=500;t=3600, "burst";r=3;t=2', policies)).toMatchObject({ remaining: 3 });
    expect(told('"day";r=500', '"day";q=1000;w=86400')).toBeNull();
    expect(told('"a, b";r=1, "c";r=2')).toBeNull();
  });

  it.each([
    '',
    'r=5',
    '"free";r=-1',
    '"free";r=x',
    '"free";r=1.5',
    '"free',
    '"free;r=5',
    '"free";r=200;',
    '"a";r=1,,',
  ])('malformed as %p is ignored', (value) => {
    expect(told(value, '"free";q=100;w=10')).toBeNull();
  });

  it('never throws', () => {
    const text = fc.string({
      unit: fc.constantFrom('"', ';', ',', '=', 'r', 'q', 'w', '1', ' ', '\\'),
    });
    fc.assert(
      fc.property(text, text, (rateLimit, policy) => {
        const limits = told(rateLimit, policy);
        expect(limits === null || limits.remaining >= 0).toBe(true);
      }),
    );
  });
});

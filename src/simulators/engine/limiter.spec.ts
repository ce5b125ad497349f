import fc from 'fast-check';
import { type LimitModel, Limiter, type Limits } from './limiter.js';

const limits = (model: LimitModel, more: Partial<Limits> = {}): Limits => ({
  model,
  limit: 3,
  periodMs: 1_000,
  restartsBlock: false,
  ...more,
});

/** Which of the calls at these instants are taken. */
const taken = (limiter: Limiter, ...instants: number[]) =>
  instants.map((now) => limiter.take(now).accepted);

describe('a simulated limit', () => {
  it('takes n calls, then blocks for the period from the last of them', () => {
    const limiter = new Limiter(limits('n_then_block'));
    expect(taken(limiter, 0, 5_000, 9_000, 9_001, 9_999, 10_000)).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
    ]);
    expect(limiter.epochs).toMatchObject([
      { accepted: 3, refused: 2, exhaustedAt: 9_000, endsAt: 10_000 },
      { accepted: 1, openedAt: 10_000, firstCallAt: 10_000 },
    ]);
  });

  it('begins the block anew with every call made during it, where it is told to', () => {
    const limiter = new Limiter(limits('n_then_block', { limit: 1, restartsBlock: true }));
    expect(taken(limiter, 0, 900, 1_800, 2_800)).toEqual([true, false, false, true]);
  });

  it('counts calls per window of the clock', () => {
    const limiter = new Limiter(limits('aligned', { limit: 2 }));
    expect(taken(limiter, 900, 950, 999, 1_000, 1_001, 1_002)).toEqual([
      true,
      true,
      false,
      true,
      true,
      false,
    ]);
  });

  it('opens an anchored window with its first call', () => {
    const limiter = new Limiter(limits('anchored', { limit: 2 }));
    expect(taken(limiter, 900, 1_899, 1_899, 1_900, 2_000)).toEqual([
      true,
      true,
      false,
      true,
      true,
    ]);
  });

  it('is exhausted at once by a limit below what was counted', () => {
    const limiter = new Limiter(limits('n_then_block'));
    taken(limiter, 0, 1);
    limiter.change(limits('n_then_block', { limit: 2 }), 10);
    expect(taken(limiter, 500, 1_009, 1_010)).toEqual([false, false, true]);
  });

  it('never takes more than the limit in any sliding window', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 200 }), (gaps) => {
        const limiter = new Limiter(limits('sliding'));
        let now = 0;
        const accepted = gaps.flatMap((gap) => (limiter.take((now += gap)).accepted ? [now] : []));
        accepted.forEach((at, n) => {
          expect(accepted[n + 3] ?? Infinity).toBeGreaterThanOrEqual(at + 1_000);
        });
      }),
    );
  });
});

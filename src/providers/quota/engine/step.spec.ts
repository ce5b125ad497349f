import fc from 'fast-check';
import { Limiter } from '../../../simulators/engine/limiter.js';
import { Tally } from '../tally.js';
import { type Book, newBook } from './book.js';
import { type Exchange, LEASE_MS, type Quota, type QuotaModel, WRITE_WITHIN_MS } from './quota.js';
import { step } from './step.js';

/** A history in which nothing takes time that is not said to: processes, their calls, and a provider that counts. */
interface History {
  readonly seed: number;
  readonly holders: number;
  /** Times the quota. */
  readonly load: number;
  /** Share of the calls that the provider counts without an answer, and that it never gets. */
  readonly timeouts: number;
  readonly losses: number;
  readonly kills: number;
  /** Of a call at most, there and back. */
  readonly latencyMs: number;
  readonly clockOffsetMs: number;
}

const PERIOD_MS = 2_000;
const LIMIT = 40;
const PERIODS = 6;
const TIMEOUT_MS = 300;
const START = 1_763_683_200_000;

const histories = fc.record<History>({
  seed: fc.nat(1_000_000),
  holders: fc.integer({ min: 1, max: 6 }),
  load: fc.constantFrom(0.8, 1, 2, 5),
  timeouts: fc.constantFrom(0, 0, 0.02),
  losses: fc.constantFrom(0, 0, 0.02),
  kills: fc.nat(2),
  latencyMs: fc.constantFrom(2, 20, 90),
  clockOffsetMs: fc.integer({ min: -5_000, max: 5_000 }),
});

class World {
  readonly provider: Limiter;
  readonly #book: Book;
  /** By the millisecond that they happen in. */
  readonly #events = new Map<number, (() => void)[]>();
  #now = START;
  #random: number;

  constructor(
    private readonly quota: Quota,
    private readonly history: History,
  ) {
    this.#random = history.seed + 1;
    this.#book = newBook(quota, { used: 0, lastAt: 0 }, START);
    const { model, periodMs, limit } = quota;
    this.provider = new Limiter({ model, periodMs, limit: limit ?? 0, restartsBlock: false });
  }

  run(): void {
    for (let n = 0; n < this.history.holders; n += 1) this.#startHolder(`h${String(n)}`);
    const end = START + PERIODS * PERIOD_MS;
    for (; this.#now <= end; this.#now += 1) {
      const events = this.#events.get(this.#now) ?? [];
      for (const run of events) run(); // those that are added meanwhile, too
      this.#events.delete(this.#now);
    }
  }

  #after(ms: number, run: () => void): void {
    const at = this.#now + Math.floor(ms);
    const events = this.#events.get(at);
    if (events) events.push(run);
    else this.#events.set(at, [run]);
  }

  #chance(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random / 2 ** 32;
  }

  /** Ticks until it is killed; what it holds then is never told. */
  #startHolder(id: string): void {
    const holder = {
      id,
      seq: 0,
      holds: 0,
      tally: new Tally(),
      isAlive: true,
      waiting: 0,
      askAt: 0,
    };
    const perTick = (this.history.load * LIMIT * 10) / PERIOD_MS / this.history.holders;
    const tick = () => {
      if (!holder.isAlive) return;
      holder.waiting = Math.min(20, holder.waiting + perTick);
      this.#exchange(holder);
      this.#after(5 + this.#chance() * 10, tick);
    };
    this.#after(this.#chance() * 20, tick);
    if (Number(id.slice(1)) >= this.history.kills) return;
    this.#after(this.#chance() * PERIODS * PERIOD_MS, () => {
      holder.isAlive = false;
      this.#after(10, () => {
        this.#startHolder(`${id}0`);
      });
    });
  }

  #exchange(holder: {
    id: string;
    seq: number;
    holds: number;
    tally: Tally;
    waiting: number;
    askAt: number;
    isAlive: boolean;
  }): void {
    const told = holder.tally.tokens;
    const { knownAt, ...outcomes } = holder.tally.take();
    const wanted = holder.askAt <= this.#now ? Math.floor(holder.waiting) : 0;
    holder.seq += 1;
    const exchange: Exchange = {
      quota: this.quota,
      holder: holder.id,
      seq: holder.seq,
      holds: holder.holds,
      ...outcomes,
      agoMs: knownAt === 0 ? 0 : this.#now - knownAt,
      wanted,
    };
    const answer = step(this.#book, exchange, this.#now);
    if (answer.lapsed) throw new Error('A living holder was taken for dead');
    holder.holds += answer.granted - told;
    holder.waiting -= answer.granted;
    holder.askAt = this.#now + answer.retryAfterMs;
    for (let n = 0; n < answer.granted; n += 1) this.#call(holder, answer.epoch);
  }

  #call(holder: { tally: Tally; isAlive: boolean }, epoch: number): void {
    const grantedAt = this.#now;
    if (this.#chance() < 0.03) {
      this.#after(this.#chance() * 50, () => {
        holder.tally.unsent();
      });
      return;
    }
    this.#after(this.#chance() * 0.3 * WRITE_WITHIN_MS * this.#chance(), () => {
      if (!holder.isAlive) return;
      const isLost = this.#chance() < this.history.losses;
      const isTimeout = this.#chance() < this.history.timeouts;
      const wayMs = (this.#chance() * this.history.latencyMs) / 2;
      const writtenAt = this.#now;
      if (!isLost)
        this.#after(wayMs, () => {
          const verdict = this.provider.take(this.#now + this.history.clockOffsetMs);
          if (isTimeout) return;
          this.#after((this.#chance() * this.history.latencyMs) / 2, () => {
            const { remaining } = verdict;
            const date = Math.floor((this.#now + this.history.clockOffsetMs) / 1_000) * 1_000;
            if (this.quota.model === 'aligned') {
              holder.tally.saw({ from: date - this.#now, to: date + 1_000 - writtenAt });
            }
            const limits = { remaining, limit: LIMIT, resetMs: null, grantedAt };
            if (verdict.accepted) holder.tally.accepted(grantedAt, limits, this.#now);
            else holder.tally.refused(epoch, null, this.#now);
          });
        });
      if (isLost || isTimeout) {
        this.#after(TIMEOUT_MS, () => {
          holder.tally.ambiguous(grantedAt, this.#now);
        });
      }
    });
  }
}

const quotaOf = (model: QuotaModel): Quota => ({
  providerId: 'p',
  model,
  limit: LIMIT,
  periodMs: PERIOD_MS,
  guardMs: 30,
});

const lived = (model: QuotaModel, history: History) => {
  const world = new World(quotaOf(model), history);
  world.run();
  const { epochs } = world.provider;
  return {
    epochs,
    refused: epochs.reduce((sum, epoch) => sum + epoch.refused, 0),
    accepted: epochs.reduce((sum, epoch) => sum + epoch.accepted, 0),
  };
};

describe('the book of a quota', () => {
  it.each<QuotaModel>(['n_then_block', 'aligned', 'sliding', 'anchored'])(
    'never lets a provider that is %s be called too often',
    (model) => {
      fc.assert(
        fc.property(histories, (history) => {
          expect(lived(model, history).refused).toBe(0);
        }),
        { numRuns: 10 },
      );
    },
    60_000,
  );

  it.each<QuotaModel>(['aligned', 'sliding', 'anchored'])(
    'spends what a provider that is %s gives, where more is wanted',
    (model) => {
      const calm = { timeouts: 0, losses: 0, kills: 0, latencyMs: 20, clockOffsetMs: 700 };
      for (const load of [2, 5]) {
        const { accepted } = lived(model, { seed: 1, holders: 4, load, ...calm });
        // The last window is under way; each call counts for some 60 ms of its window of 2 s too long.
        expect(accepted).toBeGreaterThanOrEqual(LIMIT * (PERIODS - 1));
      }
    },
  );

  it('opens a blocked provider within 300 ms of the true reset, whatever was lost', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { epochs } = lived('n_then_block', { ...history, load: 5 });
        epochs.slice(1).forEach((epoch, n) => {
          const before = epochs[n]!;
          expect(before.accepted).toBe(LIMIT);
          const isCalm = history.timeouts === 0 && history.kills === 0;
          if (!isCalm || history.losses > 0) return;
          expect((epoch.firstCallAt ?? 0) - epoch.openedAt).toBeLessThanOrEqual(300);
        });
      }),
      { numRuns: 8 },
    );
  }, 60_000);

  describe('of a provider that blocks', () => {
    let book: Book;
    let now: number;
    const seqs: Record<string, number> = {};
    const quota = { ...quotaOf('n_then_block'), limit: 4 };

    const ask = (holder: string, more: Partial<Exchange> = {}) => {
      seqs[holder] = (seqs[holder] ?? 0) + 1;
      const holds = book.holders[holder]?.out ?? 0;
      const nothing = { accepted: 0, ambiguous: 0, unsent: 0, refused: 0, since: 0, agoMs: 0 };
      const silence = { told: null, refusal: null, clock: null, wanted: 0 };
      const exchange = { quota, holder, seq: seqs[holder], holds, ...nothing, ...silence, ...more };
      return step(book, exchange, now);
    };
    const askFor = (holder: string, wanted: number) => {
      let granted = 0;
      while (granted < wanted) granted += ask(holder, { wanted: wanted - granted }).granted;
    };

    beforeEach(() => {
      now = START;
      book = newBook(quota, { used: 0, lastAt: 0 }, now);
    });

    it('is drained while calls are under way, and blocked from the last answer on', () => {
      askFor('a', 4);
      expect(ask('b', { wanted: 1 })).toMatchObject({ granted: 0, phase: 'draining' });
      now += 50;
      expect(ask('a', { accepted: 4, agoMs: 10 })).toMatchObject({ phase: 'blocked' });
      expect(ask('b', { wanted: 1 }).retryAfterMs).toBe(PERIOD_MS + 30 - 10);
      now += PERIOD_MS + 20;
      expect(ask('b', { wanted: 1 })).toMatchObject({ granted: 1, epoch: 2, phase: 'open' });
    });

    it('takes back what was not sent', () => {
      askFor('a', 4);
      ask('a', { unsent: 1, accepted: 3 });
      expect(ask('b', { wanted: 1 }).granted).toBe(1);
    });

    it('ignores a refusal of an older epoch, and believes one of this epoch', () => {
      askFor('a', 4);
      ask('a', { accepted: 3 });
      now += 10;
      ask('a', { accepted: 1 });
      now += PERIOD_MS + 30;
      expect(ask('b', { wanted: 1 })).toMatchObject({ granted: 1, epoch: 2 });
      const old = { epoch: 1, retryAfterMs: 60_000 };
      expect(ask('b', { refusal: old })).toMatchObject({ phase: 'open' });
      const recent = { epoch: 2, retryAfterMs: 7_000 };
      ask('b', { refused: 1, refusal: recent });
      ask('b', { refusal: { epoch: 2, retryAfterMs: 1_000 } });
      expect(ask('b', { wanted: 1 })).toMatchObject({ phase: 'blocked', retryAfterMs: 7_000 });
    });

    it('takes a silent holder for dead, and its tokens for sent until the provider tells better', () => {
      askFor('dead', 2);
      now += LEASE_MS + 1;
      askFor('a', 2);
      // Of the dead one's two calls the provider has counted one.
      const told = { remaining: 1, limit: null, resetMs: null, grantedAt: now };
      ask('a', { accepted: 2, told });
      expect(ask('a', { wanted: 2 }).granted).toBe(1);
    });

    it('sends one call at a time after a block that it is not sure of', () => {
      askFor('a', 4);
      ask('a', { accepted: 3, ambiguous: 1 });
      now += PERIOD_MS + 30;
      expect(ask('a', { wanted: 4 }).granted).toBe(1);
      expect(ask('b', { wanted: 4 }).granted).toBe(0);
      // Told that this was the last call of the old epoch.
      ask('a', {
        accepted: 1,
        told: { remaining: 0, limit: null, resetMs: null, grantedAt: now },
      });
      expect(ask('b', { wanted: 1 })).toMatchObject({ granted: 0, phase: 'blocked' });
    });

    it('answers a repeated exchange like the first', () => {
      const first = ask('a', { wanted: 2 });
      seqs['a'] = (seqs['a'] ?? 0) - 1;
      expect(ask('a', { wanted: 2 }).granted).toBe(first.granted);
      expect(book.holders['a']?.out).toBe(first.granted);
    });
  });
});

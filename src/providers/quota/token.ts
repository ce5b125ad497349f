import { retryAfterMs, toldLimits } from './engine/headers.js';
import type { ClockBounds, Quota, Told } from './engine/quota.js';
import type { Permit, ResponseHeaders } from './permit.js';
import type { StoreClock } from './store-clock.js';
import type { Tally } from './tally.js';

/** Tokens that one exchange granted. */
export interface Grant {
  readonly epoch: number;
  /** On the store's clock. */
  readonly grantedAt: number;
  /** On the local clock: after that nothing may be written. */
  readonly writeBy: number;
}

/** What a token needs to know of its gate. */
export interface TokenOwner {
  /** As it is now. */
  quota(): Quota;
  readonly clock: StoreClock;
  readonly tally: Tally;
  /** False when the store has taken the gate for dead since, or lost its book: then its outcome is nobody's business. */
  isCurrent(grant: Grant): boolean;
  /** There is something to tell. */
  told(): void;
}

/** One token on its way to a provider. */
export class Token implements Permit {
  readonly granted = true;
  #writtenAt = 0;
  #isSettled = false;

  constructor(
    private readonly owner: TokenOwner,
    private readonly grant: Grant,
  ) {}

  get epoch(): number {
    return this.grant.epoch;
  }

  beforeWrite(): boolean {
    const now = performance.now();
    if (!this.#isSettled && this.owner.isCurrent(this.grant) && now < this.grant.writeBy) {
      this.#writtenAt = now;
      return true;
    }
    this.unsent();
    return false;
  }

  accepted(headers: ResponseHeaders = {}): void {
    this.#settle((tally, now) => {
      const clock = this.#clockOf(headers, now);
      if (clock) tally.saw(clock);
      tally.accepted(this.grant.grantedAt, this.#toldBy(headers), now);
    });
  }

  unsent(): void {
    this.#settle((tally) => {
      tally.unsent();
    });
  }

  ambiguous(): void {
    this.#settle((tally, now) => {
      tally.ambiguous(this.grant.grantedAt, now);
    });
  }

  refused(headers: ResponseHeaders = {}): void {
    this.#settle((tally, now) => {
      const waitMs = retryAfterMs(one(headers['retry-after']), Date.now());
      tally.refused(this.grant.epoch, waitMs, now);
    });
  }

  #settle(tell: (tally: Tally, now: number) => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (!this.owner.isCurrent(this.grant)) return;
    tell(this.owner.tally, performance.now());
    this.owner.told();
  }

  #toldBy(headers: ResponseHeaders): Told | null {
    const { periodMs } = this.owner.quota();
    const rateLimit = one(headers['ratelimit']);
    const limits = toldLimits(rateLimit, one(headers['ratelimit-policy']), periodMs);
    return limits && { ...limits, grantedAt: this.grant.grantedAt };
  }

  #clockOf(headers: ResponseHeaders, now: number): ClockBounds | null {
    if (this.owner.quota().model !== 'aligned' || this.#writtenAt === 0) return null;
    return this.owner.clock.boundsOf(one(headers['date']), this.#writtenAt, now);
  }
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

/** How a simulated provider limits its callers; `none` takes everything. */
export const LIMIT_MODELS = ['n_then_block', 'aligned', 'sliding', 'anchored', 'none'] as const;
export type LimitModel = (typeof LIMIT_MODELS)[number];

export interface Limits {
  readonly model: LimitModel;
  readonly limit: number;
  /** The block of `n_then_block`, the window of the others. */
  readonly periodMs: number;
  /** A call made during the block begins it anew. */
  readonly restartsBlock: boolean;
}

export interface Verdict {
  readonly accepted: boolean;
  /** Calls that would still be taken after this one. */
  readonly remaining: number;
  /** When more will be taken than `remaining`. */
  readonly resetAt: number;
}

/** An epoch or window, as it really was. All instants are the provider's own. */
export interface EpochRecord {
  readonly openedAt: number;
  accepted: number;
  refused: number;
  firstCallAt: number | null;
  /** When the last call was taken that it had room for. */
  exhaustedAt: number | null;
  /** When the block that followed ended, or the window. */
  endsAt: number | null;
}

/** Really enforces a limit, call by call, and keeps the truth about it. Time is passed in and must not run back. */
export class Limiter {
  readonly epochs: EpochRecord[] = [];
  /** Accepted calls that still count in a sliding window, from `#head` on. */
  #calls: number[] = [];
  #head = 0;

  constructor(
    private limits: Limits,
    private readonly keep = 2_000,
  ) {}

  /** What was counted stays counted; a limit below it exhausts the epoch at once. */
  change(limits: Limits, now: number): void {
    const modelChanged = limits.model !== this.limits.model;
    this.limits = limits;
    if (modelChanged) this.reset();
    const epoch = this.epochs.at(-1);
    if (epoch && epoch.accepted >= limits.limit && epoch.exhaustedAt === null) {
      epoch.exhaustedAt = now;
      if (limits.model === 'n_then_block') epoch.endsAt = now + limits.periodMs;
    }
  }

  reset(): void {
    this.epochs.length = 0;
    this.#calls = [];
    this.#head = 0;
  }

  take(now: number): Verdict {
    const epoch = this.#epochAt(now);
    const room = this.#roomIn(epoch, now);
    if (room <= 0) return this.#refuse(epoch, now);
    epoch.accepted += 1;
    epoch.firstCallAt ??= now;
    if (this.limits.model === 'sliding') this.#calls.push(now);
    if (this.limits.model === 'anchored') epoch.endsAt ??= now + this.limits.periodMs;
    if (room === 1) this.#exhaust(epoch, now);
    return { accepted: true, remaining: room - 1, resetAt: this.#resetAt(epoch, now) };
  }

  #roomIn(epoch: EpochRecord, now: number): number {
    if (this.limits.model === 'none') return Infinity;
    const used = this.limits.model === 'sliding' ? this.#countAt(now) : epoch.accepted;
    return this.limits.limit - used;
  }

  #refuse(epoch: EpochRecord, now: number): Verdict {
    epoch.refused += 1;
    if (this.limits.model === 'n_then_block' && this.limits.restartsBlock) {
      epoch.endsAt = now + this.limits.periodMs;
    }
    return { accepted: false, remaining: 0, resetAt: this.#resetAt(epoch, now) };
  }

  #exhaust(epoch: EpochRecord, now: number): void {
    epoch.exhaustedAt = now;
    if (this.limits.model === 'n_then_block') epoch.endsAt = now + this.limits.periodMs;
    if (this.limits.model === 'sliding') {
      epoch.endsAt = (this.#calls[this.#head] ?? now) + this.limits.periodMs;
    }
  }

  #epochAt(now: number): EpochRecord {
    const last = this.epochs.at(-1);
    const { model, periodMs } = this.limits;
    if (model === 'aligned') {
      const start = Math.floor(now / periodMs) * periodMs;
      return last?.openedAt === start ? last : this.#open(start, start + periodMs);
    }
    if (last && (last.endsAt === null || now < last.endsAt)) return last;
    return this.#open(last?.endsAt ?? now, null);
  }

  #open(openedAt: number, endsAt: number | null): EpochRecord {
    const epoch: EpochRecord = {
      openedAt,
      accepted: 0,
      refused: 0,
      firstCallAt: null,
      exhaustedAt: null,
      endsAt,
    };
    this.epochs.push(epoch);
    if (this.epochs.length > this.keep) this.epochs.shift();
    return epoch;
  }

  #countAt(now: number): number {
    const since = now - this.limits.periodMs;
    while ((this.#calls[this.#head] ?? Infinity) <= since) this.#head += 1;
    if (this.#head > 10_000) {
      this.#calls = this.#calls.slice(this.#head);
      this.#head = 0;
    }
    return this.#calls.length - this.#head;
  }

  #resetAt(epoch: EpochRecord, now: number): number {
    if (this.limits.model === 'sliding') {
      return (this.#calls[this.#head] ?? now) + this.limits.periodMs;
    }
    return epoch.endsAt ?? now + this.limits.periodMs;
  }
}

import type { ClockBounds, Exchange, Told } from './engine/quota.js';

/** The outcomes of an exchange, and when the last of them was known. */
export type Outcomes = Omit<Exchange, 'quota' | 'holder' | 'seq' | 'holds' | 'wanted' | 'agoMs'> & {
  readonly knownAt: number;
};

/** Outcomes of calls, gathered until the next exchange tells them all. Instants called local are of `performance`. */
export class Tally {
  #accepted = 0;
  #ambiguous = 0;
  #unsent = 0;
  #refused = 0;
  #since = 0;
  #knownAt = 0;
  #told: Told | null = null;
  #isToldByAll = true;
  #refusal: Exchange['refusal'] = null;
  #clock: ClockBounds | null = null;

  get isEmpty(): boolean {
    return this.tokens === 0;
  }

  /** Tokens that are not out any more once this is told. */
  get tokens(): number {
    return this.#accepted + this.#ambiguous + this.#unsent + this.#refused;
  }

  accepted(grantedAt: number, told: Told | null, knownAt: number): void {
    this.#accepted += 1;
    this.#counted(grantedAt, knownAt);
    if (told === null) this.#isToldByAll = false;
    else if (this.#told === null || told.remaining < this.#told.remaining) this.#told = told;
  }

  ambiguous(grantedAt: number, knownAt: number): void {
    this.#ambiguous += 1;
    this.#counted(grantedAt, knownAt);
  }

  unsent(tokens = 1): void {
    this.#unsent += tokens;
  }

  refused(epoch: number, retryAfterMs: number | null, knownAt: number): void {
    this.#refused += 1;
    this.#knownAt = Math.max(this.#knownAt, knownAt);
    const last = this.#refusal;
    if (last && last.epoch > epoch) return;
    const isNewer = last === null || last.epoch < epoch;
    const longest = isNewer ? retryAfterMs : longerOf(last.retryAfterMs, retryAfterMs);
    this.#refusal = { epoch, retryAfterMs: longest };
  }

  /** Bounds that contradict each other mean that the clock jumped: the later ones hold. */
  saw(clock: ClockBounds): void {
    const from = Math.max(this.#clock?.from ?? clock.from, clock.from);
    const to = Math.min(this.#clock?.to ?? clock.to, clock.to);
    this.#clock = from <= to ? { from, to } : clock;
  }

  take(): Outcomes {
    const outcomes: Outcomes = {
      accepted: this.#accepted,
      ambiguous: this.#ambiguous,
      unsent: this.#unsent,
      refused: this.#refused,
      since: this.#since,
      told: this.#isToldByAll ? this.#told : null,
      refusal: this.#refusal,
      clock: this.#clock,
      knownAt: this.#knownAt,
    };
    this.clear();
    return outcomes;
  }

  clear(): void {
    this.#accepted = this.#ambiguous = this.#unsent = this.#refused = 0;
    this.#since = this.#knownAt = 0;
    this.#told = this.#refusal = this.#clock = null;
    this.#isToldByAll = true;
  }

  #counted(grantedAt: number, knownAt: number): void {
    this.#since = this.#since === 0 ? grantedAt : Math.min(this.#since, grantedAt);
    this.#knownAt = Math.max(this.#knownAt, knownAt);
  }
}

function longerOf(one: number | null, other: number | null): number | null {
  return one === null || other === null ? null : Math.max(one, other);
}

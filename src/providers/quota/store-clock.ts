import type { ClockBounds } from './engine/quota.js';

/** A server renews its `Date` once a second, and late when it is busy. */
const DATE_LAG_MS = 100;

/** What the store's clock showed at some moment between the start and the end of a round trip. */
export class StoreClock {
  #reading: { now: number; startedAt: number; endedAt: number } | undefined;

  read(now: number, startedAt: number, endedAt: number): void {
    this.#reading = { now, startedAt, endedAt };
  }

  /** Bounds of a provider's clock minus the store's, from the `Date` of an answer to a call between two local moments. */
  boundsOf(date: string | undefined, writtenAt: number, answeredAt: number): ClockBounds | null {
    const shown = Date.parse(date ?? '');
    if (!this.#reading || Number.isNaN(shown)) return null;
    const { now, startedAt, endedAt } = this.#reading;
    const earliest = now + (writtenAt - endedAt);
    const latest = now + 1 + (answeredAt - startedAt);
    return {
      from: Math.floor(shown - latest),
      to: Math.ceil(shown + 1_000 + DATE_LAG_MS - earliest),
    };
  }
}

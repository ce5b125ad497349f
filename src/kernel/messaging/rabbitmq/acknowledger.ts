import { setImmediate, setTimeout } from 'node:timers/promises';

/** RabbitMQ writes an entry of its log per frame, so frames are worth a moment of waiting while messages are at work. */
const GATHER_MS = 1;

/**
 * Gathers what is acknowledged within a millisecond, or until nothing is at hand, and writes it with as few frames as
 * possible: all tags up to the first one that is still at hand in one frame (`multiple`), the rest one by one.
 */
export class Acknowledger {
  readonly #write: (tag: number, allUpTo: boolean) => void;
  /** Lowest tag that is not settled. Tags of a channel are handed out as 1, 2, 3, … */
  #lowest = 1;
  #highest = 0;
  /** Settled above the lowest; true when that was written already. */
  readonly #settled = new Map<number, boolean>();
  #atHand = 0;
  #flush: Promise<void> | undefined;

  readonly #onFlushed: () => void;

  constructor(write: (tag: number, allUpTo: boolean) => void, onFlushed: () => void) {
    this.#write = write;
    this.#onFlushed = onFlushed;
  }

  /** Deliveries that are not settled. */
  get atHand(): number {
    return this.#atHand;
  }

  /** The frames that are on their way out, if any. */
  get flushed(): Promise<void> {
    return this.#flush ?? Promise.resolve();
  }

  delivered(tag: number): void {
    this.#highest = tag;
    this.#atHand += 1;
  }

  /** Resolves when the frame was handed to the connection; rejects when that failed. */
  acknowledge(tag: number): Promise<void> {
    this.#settled.set(tag, false);
    this.#atHand -= 1;
    this.#flush ??= this.#planFlush();
    return this.#flush;
  }

  async #planFlush(): Promise<void> {
    await (this.#atHand === 0 ? setImmediate() : setTimeout(GATHER_MS));
    this.#flush = undefined;
    this.#writeAll();
    this.#onFlushed();
  }

  /** Notes a tag that was settled by another frame than ours. */
  settledElsewhere(tag: number): void {
    this.#settled.set(tag, true);
    this.#atHand -= 1;
  }

  #writeAll(): void {
    // RabbitMQ closes the channel for a tag that it knows no more, so the frame must name one not yet written.
    let newest = 0;
    for (; this.#lowest <= this.#highest; this.#lowest += 1) {
      const isWritten = this.#settled.get(this.#lowest);
      if (isWritten === undefined) break;
      this.#settled.delete(this.#lowest);
      if (!isWritten) newest = this.#lowest;
    }
    if (newest > 0) this.#write(newest, true);
    for (const [tag, isWritten] of this.#settled) {
      if (isWritten) continue;
      this.#write(tag, false);
      this.#settled.set(tag, true);
    }
  }
}

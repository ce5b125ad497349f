import { AsyncLocalStorage } from 'node:async_hooks';

/** The second gathers and writes while the first waits for the disk. */
const BATCHES_AT_ONCE = 2;

/**
 * Gathers what is to be done together. An idle gatherer begins in the same turn of the event loop, so a lone item
 * waits for nothing; a busy one gathers what arrives meanwhile.
 */
export class Gatherer<T> {
  readonly #waiting: T[] = [];
  /** A batch serves many callers, so it must not run in the trace context of the one who came first. */
  readonly #outsideAnyRequest = AsyncLocalStorage.snapshot();
  #batches = 0;
  #scheduled = false;

  constructor(
    private readonly max: number,
    /** Must not reject: whoever waits for an item hears of failures otherwise. */
    private readonly work: (items: readonly T[]) => Promise<void>,
    private readonly batchesAtOnce = BATCHES_AT_ONCE,
  ) {}

  add(item: T): void {
    this.#waiting.push(item);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#batches >= this.batchesAtOnce || this.#waiting.length === 0)
      return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#outsideAnyRequest(() => void this.#next());
    });
  }

  async #next(): Promise<void> {
    const batch = this.#waiting.splice(0, this.max);
    if (batch.length === 0) return;
    this.#batches += 1;
    this.#schedule();
    await this.work(batch);
    this.#batches -= 1;
    this.#schedule();
  }
}

import type { JobStore, NewJob } from './job-store.js';

/** The hold on a message ran out, and it was given back to its queue: it arrives again, here or elsewhere. */
class DeliveryLostError extends Error {
  override readonly name = 'DeliveryLostError';
  constructor(queue: string) {
    super(`A delivery of ${queue} was held too long without a sign of life and arrives again`);
  }
}

interface Pending {
  readonly jobId: string;
  /** Without one the job is done. */
  readonly replacement: NewJob | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const MAX_FLUSH = 1_000;

/**
 * Settles the jobs of one queue. What arrives while a flush is under way goes into the next one, so the cost of a
 * commit is shared under load, and a lone settlement waits for nothing.
 */
export class Settler {
  #pending: Pending[] = [];
  #flushing: Promise<void> | undefined;

  constructor(
    private readonly queue: string,
    private readonly store: JobStore,
  ) {}

  /** Resolves when the job is gone, or replaced, for sure. Throws {@link DeliveryLostError}, or Postgres's error. */
  settle(jobId: string, replacement?: NewJob): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ jobId, replacement, resolve, reject });
      this.#flushing ??= this.#flushAll();
    });
  }

  async idle(): Promise<void> {
    await this.#flushing;
  }

  async #flushAll(): Promise<void> {
    await new Promise(setImmediate); // the rest of this turn's settlements come along
    while (this.#pending.length > 0) {
      const batch = this.#pending.splice(0, MAX_FLUSH);
      await this.#flush(
        batch.filter(({ replacement }) => replacement === undefined),
        (ids) => this.store.delete(this.queue, [...ids]),
      );
      await this.#flush(
        batch.filter(({ replacement }) => replacement !== undefined),
        (_, jobs) => this.store.replace(this.queue, jobs),
      );
    }
    this.#flushing = undefined;
  }

  /** Never rejects: every failure reaches those who settled. */
  async #flush(
    batch: readonly Pending[],
    write: (ids: Iterable<string>, jobs: ReadonlyMap<string, NewJob>) => Promise<Set<string>>,
  ): Promise<void> {
    if (batch.length === 0) return;
    const jobs = new Map<string, NewJob>();
    for (const { jobId, replacement } of batch) if (replacement) jobs.set(jobId, replacement);
    try {
      const settled = await write(
        batch.map(({ jobId }) => jobId),
        jobs,
      );
      for (const { jobId, resolve, reject } of batch) {
        if (settled.has(jobId)) resolve();
        else reject(new DeliveryLostError(this.queue));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}

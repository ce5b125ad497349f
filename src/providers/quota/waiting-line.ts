import type { AcquireOptions, Denial, Permit } from './permit.js';

export interface Waiter {
  /** On the local clock. */
  readonly deadline: number;
  resolve(result: Permit | Denial): void;
}

/** Who waits for a token, first come, first served. */
export class WaitingLine {
  readonly #waiters: Waiter[] = [];

  get length(): number {
    return this.#waiters.length;
  }

  /** `denial` tells why there is nothing yet; while it knows no reason the store is being asked, and its answer is awaited. */
  join(
    { maxWaitMs = 0, signal }: AcquireOptions,
    denial: () => Denial | undefined,
  ): Promise<Permit | Denial> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        this.#remove(waiter);
        reject(signal?.reason as Error);
      };
      const waiter: Waiter = {
        deadline: performance.now() + maxWaitMs,
        resolve: (result) => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', leave);
          resolve(result);
        },
      };
      const timer =
        maxWaitMs > 0
          ? setTimeout(() => {
              const reason = denial();
              if (reason && this.#remove(waiter)) waiter.resolve(reason);
            }, maxWaitMs)
          : undefined;
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiters.push(waiter);
    });
  }

  first(): Waiter | undefined {
    return this.#waiters.shift();
  }

  /** Sends away who cannot wait until then. */
  denyBefore(until: number, denial: Denial): void {
    const staying = this.#waiters.filter((waiter) => waiter.deadline >= until);
    const leaving = this.#waiters.filter((waiter) => waiter.deadline < until);
    this.#waiters.splice(0, Infinity, ...staying);
    for (const waiter of leaving) waiter.resolve(denial);
  }

  #remove(waiter: Waiter): boolean {
    const place = this.#waiters.indexOf(waiter);
    if (place >= 0) this.#waiters.splice(place, 1);
    return place >= 0;
  }
}

import { RetryLater } from '../../kernel/messaging/settlement.js';
import { ASIDE } from '../task.messages.js';

interface Waiter {
  readonly kind: string;
  readonly priority: number;
  readonly message: object;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

export interface SlotsOptions {
  readonly capacity: number;
  readonly limitOf: (kind: string) => number | undefined;
  /** Messages of which tasks may wait while slots are free. */
  readonly mostWaiting: number;
}

/**
 * Bounds what runs at once: in all, and per kind where a kind has a limit. Whoever waits gets a free slot in the
 * order of priority, then of arrival.
 */
export class Slots {
  #waiters: Waiter[] = [];
  readonly #usedByKind = new Map<string, number>();
  #used = 0;

  constructor(private readonly options: SlotsOptions) {}

  get used(): number {
    return this.#used;
  }

  /**
   * Resolves when the slot is the caller's, who must release it. Rejects when the waiting is cancelled, or is in the way
   * of others; `message` tells whose tasks belong together.
   */
  async acquire(kind: string, priority: number, message: object): Promise<void> {
    if (this.#waiters.length === 0 && this.#hasRoom(kind)) {
      this.#take(kind);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      this.#enqueue({ kind, priority, message, resolve, reject });
      this.#admit();
    });
  }

  release(kind: string): void {
    this.#used -= 1;
    this.#usedByKind.set(kind, (this.#usedByKind.get(kind) ?? 1) - 1);
    this.#admit();
  }

  /** Sends everyone who waits away with the reason. */
  cancelWaiting(reason: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }

  #hasRoom(kind: string): boolean {
    const { capacity, limitOf } = this.options;
    const limit = limitOf(kind) ?? capacity;
    return this.#used < capacity && (this.#usedByKind.get(kind) ?? 0) < limit;
  }

  #take(kind: string): void {
    this.#used += 1;
    this.#usedByKind.set(kind, (this.#usedByKind.get(kind) ?? 0) + 1);
  }

  /** The highest priority first, then who came first. */
  #enqueue(waiter: Waiter): void {
    let place = this.#waiters.length;
    while (place > 0 && (this.#waiters[place - 1]?.priority ?? 0) < waiter.priority) place -= 1;
    this.#waiters.splice(place, 0, waiter);
  }

  #admit(): void {
    while (this.#used < this.options.capacity && this.#waiters.length > 0) {
      const next = this.#waiters.findIndex((waiter) => this.#hasRoom(waiter.kind));
      const [waiter] = next === -1 ? [] : this.#waiters.splice(next, 1);
      if (!waiter) {
        this.#sendAway();
        return;
      }
      this.#take(waiter.kind);
      waiter.resolve();
    }
  }

  /**
   * Slots are free, and nobody who waits may have one: their kinds have their limits at work. Too many of their messages
   * at hand would keep those of other kinds from coming, so the last ones go.
   */
  #sendAway(): void {
    const staying = new Set<object>();
    for (const { message } of this.#waiters) {
      if (staying.size < this.options.mostWaiting) staying.add(message);
    }
    const leaving = this.#waiters.filter(({ message }) => !staying.has(message));
    if (leaving.length === 0) return;
    this.#waiters = this.#waiters.filter(({ message }) => staying.has(message));
    for (const { kind, reject } of leaving) {
      reject(new RetryLater(ASIDE, `All that may run of "${kind}" at once runs`, false));
    }
  }
}

interface Waiter {
  readonly kind: string;
  readonly priority: number;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

/**
 * Bounds what runs at once: in all, and per kind where a kind has a limit. Whoever waits gets a free slot in the
 * order of priority, then of arrival.
 */
export class Slots {
  readonly #waiters: Waiter[] = [];
  readonly #usedByKind = new Map<string, number>();
  #used = 0;

  constructor(
    private readonly capacity: number,
    private readonly limitOf: (kind: string) => number | undefined,
  ) {}

  get used(): number {
    return this.#used;
  }

  /** Resolves when the slot is the caller's, who must release it. Rejects when the waiting is cancelled. */
  async acquire(kind: string, priority: number): Promise<void> {
    if (this.#waiters.length === 0 && this.#hasRoom(kind)) {
      this.#take(kind);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      this.#enqueue({ kind, priority, resolve, reject });
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
    const limit = this.limitOf(kind) ?? this.capacity;
    return this.#used < this.capacity && (this.#usedByKind.get(kind) ?? 0) < limit;
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
    while (this.#used < this.capacity && this.#waiters.length > 0) {
      const next = this.#waiters.findIndex((waiter) => this.#hasRoom(waiter.kind));
      const [waiter] = next === -1 ? [] : this.#waiters.splice(next, 1);
      if (!waiter) return;
      this.#take(waiter.kind);
      waiter.resolve();
    }
  }
}

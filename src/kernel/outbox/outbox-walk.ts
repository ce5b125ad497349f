import type { OutboxRow } from './outbox-message.js';

/** One walk of the relay over its shards: what it read, and the deliveries that it has under way. */
export class OutboxWalk {
  /** Rows that must not be read again, by their number: the shard. */
  readonly atHand = new Map<string, number>();
  /** Shards with rows that were read and not taken. */
  readonly heldUp = new Set<number>();
  /** Keys with a command to a queue that has taken none yet. */
  readonly commanded = new Set<string>();
  readonly #inFlight = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  #taken = 0;

  /** Of these shards, even if their leases lapse under way. */
  constructor(readonly shards: readonly number[]) {}

  /** Rows that were given to deliveries. */
  get taken(): number {
    return this.#taken;
  }

  get hasFailed(): boolean {
    return this.#failures.length > 0;
  }

  /** Puts all rows at hand and returns those that may go. The others stay at hand to the end of the walk. */
  take(rows: readonly OutboxRow[], mayGo: (row: OutboxRow) => boolean): OutboxRow[] {
    const ready = rows.filter((row) => {
      this.atHand.set(row.seq, row.shard);
      const goes = mayGo(row);
      if (!goes) this.heldUp.add(row.shard);
      return goes;
    });
    this.#taken += ready.length;
    return ready;
  }

  /** Has the rows at hand until their delivery has ended, well or not. */
  accompany(rows: readonly OutboxRow[], delivering: Promise<void>): void {
    const delivery = delivering
      .catch((error: unknown) => {
        this.fail(error);
      })
      .then(() => {
        this.#inFlight.delete(delivery);
        for (const { seq } of rows) this.atHand.delete(seq);
      });
    this.#inFlight.add(delivery);
  }

  /** Notes that a delivery will fail, so that no other one is begun behind it. */
  fail(error: unknown): void {
    this.#failures.push(error);
  }

  /** Resolves when fewer than `most` deliveries are under way. */
  async room(most: number): Promise<void> {
    if (this.#inFlight.size >= most) await Promise.race(this.#inFlight);
  }

  /** Waits for every delivery under way. */
  async ended(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  /** Throws what the first delivery failed with, if one did. */
  check(): void {
    if (this.hasFailed) throw this.#failures[0];
  }
}

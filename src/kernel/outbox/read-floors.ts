/** What the transactions of the database were like when a read began. */
export interface Horizon {
  /** Every transaction below this one had ended. */
  readonly ended: number;
  /** None from this one on had begun. */
  readonly begun: number;
  /** The highest number that a row had been given; all up to it were given by transactions that had begun. */
  readonly numbered: number;
}

/** What a read of several shards returned. */
export interface ShardRead {
  /** Each shard's in its order. */
  readonly rows: readonly { readonly shard: number; readonly seq: string }[];
  /** Undefined without rows. */
  readonly horizon: Horizon | undefined;
  /** There may be more rows in any shard. */
  readonly isCut: boolean;
}

/** A row gets its number an instant before its transaction gets its own. */
const INSTANT_MS = 5;
/** A transaction that is open for longer holds the floors no more; what it appends is found by looking back. */
const LONGEST_WAIT_MS = 500;
const OPEN_LOOK_MS = 2_000;
/** In quiet times. It bounds how long a row can stay behind that an assumption of ours does not hold for. */
const RARE_LOOK_MS = 60_000;
/** Looking back may take a twentieth of the time: while an old snapshot is held, it meets all that was deleted since. */
const LOOK_SHARE = 20;

/**
 * Where the reads of the outbox's shards begin.
 *
 * Reading on behind the last row would miss rows that were numbered before it and are committed after it, and let the next
 * message of their key pass. Reading from the start would step over the index entries of all that was deleted since the
 * oldest snapshot. So a floor follows the reads as far as every row is settled: committed, or rolled back. Rows are
 * settled when every transaction has ended that was under way when they were numbered. One that stays open for half a
 * second is waited for no longer; until it has ended, rows behind the floors are looked for every two seconds.
 *
 * All of this holds for one history of one database. A standby that took over without the latest commits gives numbers
 * out again; so everything begins anew when the numbers went back and after a failure, and is looked for once a minute.
 */
export class ReadFloors {
  /** In the order in which the shards are to be read. */
  readonly #floors = new Map<number, number>();
  /** Rows up to this number are settled. */
  #settled = 0;
  /** Horizons of earlier reads of which that is not known yet. */
  #unsettled: (Horizon & { readonly at: number })[] = [];
  /** Some transactions below this one were open when their rows were passed. */
  #passedOpenBelow = 0;
  #lookAt = 0;

  /** The places after which the next read begins, for exactly these shards. */
  next(shards: readonly number[]): ReadonlyMap<number, number> {
    for (const shard of this.#floors.keys())
      if (!shards.includes(shard)) this.#floors.delete(shard);
    for (const shard of shards) if (!this.#floors.has(shard)) this.#floors.set(shard, 0);
    return this.#floors;
  }

  /** Whether it is time to look for rows behind the floors. */
  mustLookBack(now: number): boolean {
    return now >= this.#lookAt;
  }

  /** Takes note of the first row of each shard, if it is behind the floor, as of a look that took from `since` to `now`. */
  lookedBack(firsts: ShardRead['rows'], since: number, now: number): void {
    const everyMs = this.#passedOpenBelow > 0 ? OPEN_LOOK_MS : RARE_LOOK_MS;
    this.#lookAt = Math.max(since + everyMs, now + LOOK_SHARE * (now - since));
    for (const { shard, seq } of firsts) {
      const floor = this.#floors.get(shard);
      if (floor !== undefined) this.#floors.set(shard, Math.min(floor, Number(seq) - 1));
    }
  }

  /** Takes note of a read from those places. The shards in `heldUp` have rows that were read and not taken. */
  passed(read: ShardRead, heldUp: ReadonlySet<number>, now: number): void {
    if (read.horizon && read.horizon.numbered < this.#settled) this.reset();
    const last = new Map(read.rows.map(({ shard, seq }) => [shard, Number(seq)]));
    for (const [shard, floor] of [...this.#floors]) {
      const place = last.get(shard) ?? (read.isCut ? 0 : this.#settled);
      const isPassed = !heldUp.has(shard);
      const next = isPassed ? Math.max(floor, Math.min(place, this.#settled)) : floor;
      // Served shards go to the end of the line, so that a backlog in some cannot keep the others waiting.
      if (last.has(shard)) this.#floors.delete(shard);
      this.#floors.set(shard, next);
    }
    if (read.horizon) this.#settle(read.horizon, now);
  }

  /** After a failure its rows are still there, wherever that is, and the database may be another one. */
  reset(): void {
    this.#floors.clear();
    this.#settled = 0;
    this.#unsettled = [];
    this.#passedOpenBelow = 0;
  }

  #settle(horizon: Horizon, now: number): void {
    for (let one = this.#unsettled[0]; one; one = this.#unsettled[0]) {
      const hasEnded = horizon.ended >= one.begun && now - one.at >= INSTANT_MS;
      if (!hasEnded && now - one.at < LONGEST_WAIT_MS) break;
      if (!hasEnded) this.#passOpen(one.begun, now);
      this.#settled = one.numbered;
      this.#unsettled.shift();
    }
    this.#unsettled.push({ ...horizon, at: now });
    if (this.#passedOpenBelow === 0 || horizon.ended < this.#passedOpenBelow) return;
    this.#passedOpenBelow = 0;
    this.#lookAt = now; // once more, for what they left when they ended
  }

  #passOpen(begun: number, now: number): void {
    if (this.#passedOpenBelow === 0) this.#lookAt = Math.min(this.#lookAt, now + OPEN_LOOK_MS);
    this.#passedOpenBelow = begun;
  }
}

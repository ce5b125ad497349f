/** How long a row may be committed after rows with a higher number and still be found by the next walk. */
const LAG_MS = 500;
/** How often a walk begins at the very start, for rows that were committed later than that. */
const FULL_WALK_MS = 2_000;

/**
 * Where the walks over the outbox's shards begin.
 *
 * Deleted rows leave entries in the index until vacuum may remove them, which it may not while some reader holds
 * an old snapshot. A walk that always began at the start would step over all of them; one that began where the last
 * one ended would miss rows that were numbered earlier and committed later. So walks begin at the place that was
 * passed half a second ago, and at the start every two seconds.
 */
export class ReadFloors {
  #floors = new Map<number, string>();
  #passed = new Map<number, string>();
  #turnedAt = -Infinity;
  #walkedFullyAt = -Infinity;
  #first = 0;

  /** The places after which the next walk reads. */
  begin(shards: readonly number[], now: number): Map<number, string> {
    if (now - this.#walkedFullyAt >= FULL_WALK_MS) {
      this.#walkedFullyAt = now;
      return new Map(this.#inTurn(shards).map((shard) => [shard, '0']));
    }
    return new Map(this.#inTurn(shards).map((shard) => [shard, this.#floors.get(shard) ?? '0']));
  }

  /** Each walk begins with another shard. */
  #inTurn(shards: readonly number[]): number[] {
    this.#first = (this.#first + 1) % Math.max(1, shards.length);
    return [...shards.slice(this.#first), ...shards.slice(0, this.#first)];
  }

  /** Notes how far a walk came that left nothing behind but in the given shards. */
  end(places: ReadonlyMap<number, string>, leftBehind: ReadonlySet<number>, now: number): void {
    if (now - this.#turnedAt < LAG_MS) return;
    this.#turnedAt = now;
    this.#floors = this.#passed;
    this.#passed = new Map(this.#floors);
    for (const [shard, place] of places) {
      const isFurther = Number(place) > Number(this.#passed.get(shard) ?? '0');
      if (isFurther && !leftBehind.has(shard)) this.#passed.set(shard, place);
    }
  }

  /** After a failed delivery its rows are still there, wherever that is. */
  reset(): void {
    this.#floors.clear();
    this.#passed.clear();
  }
}

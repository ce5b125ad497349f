/** How long an item is to wait before it is done again, in its place; undefined when it is done. */
export type Again = number | undefined;

interface Entry<T> {
  readonly item: T;
  readonly key: string | undefined;
}

/**
 * Work in the order of its arrival, at most `limit` at once. Items of one key are done one after the other; one that is
 * to be done again keeps those behind it waiting, but holds no place among the `limit` meanwhile.
 */
export class WorkLine<T> {
  #ready: Entry<T>[] = [];
  /** Of each key that is at work or waits to be done again: what comes after it. */
  readonly #lanes = new Map<string, Entry<T>[]>();
  readonly #pauses = new Map<NodeJS.Timeout, Entry<T>>();
  readonly #atWork = new Set<Promise<void>>();
  #behind = 0;
  #limit: number;
  #stopped = false;

  constructor(
    limit: number,
    /** Must not reject. */
    private readonly work: (item: T) => Promise<Again>,
  ) {
    this.#limit = limit;
  }

  /** At work or waiting. */
  get size(): number {
    return this.#atWork.size + this.#ready.length + this.#behind + this.#pauses.size;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#pump();
  }

  add(item: T, key?: string): void {
    if (this.#stopped) return;
    const entry = { item, key };
    const lane = key === undefined ? undefined : this.#lanes.get(key);
    if (lane) {
      lane.push(entry);
      this.#behind += 1;
      return;
    }
    if (key !== undefined) this.#lanes.set(key, []);
    this.#ready.push(entry);
    this.#pump();
  }

  /** Hands over what waits without a key and was not begun. */
  drain(): T[] {
    const waiting = this.#ready.filter(({ key }) => key === undefined);
    this.#ready = this.#ready.filter(({ key }) => key !== undefined);
    return waiting.map(({ item }) => item);
  }

  /** Begins nothing more; what waits is forgotten. */
  stop(): void {
    this.#stopped = true;
    this.#ready = [];
    this.#lanes.clear();
    this.#behind = 0;
    for (const timer of this.#pauses.keys()) clearTimeout(timer);
    this.#pauses.clear();
  }

  /** Resolves when nothing is at work any more; call it after {@link stop}. */
  async idle(): Promise<void> {
    while (this.#atWork.size > 0) await Promise.all(this.#atWork);
  }

  #pump(): void {
    while (this.#atWork.size < this.#limit) {
      const entry = this.#ready.shift();
      if (!entry) return;
      const work = this.#do(entry).finally(() => {
        this.#atWork.delete(work);
        this.#pump();
      });
      this.#atWork.add(work);
    }
  }

  async #do(entry: Entry<T>): Promise<void> {
    const again = await this.work(entry.item);
    if (this.#stopped) return;
    if (again === undefined) this.#follow(entry);
    else this.#pause(entry, again);
  }

  #pause(entry: Entry<T>, ms: number): void {
    const timer = setTimeout(() => {
      this.#pauses.delete(timer);
      this.#ready.push(entry);
      this.#pump();
    }, ms);
    this.#pauses.set(timer, entry);
  }

  #follow({ key }: Entry<T>): void {
    if (key === undefined) return;
    const next = this.#lanes.get(key)?.shift();
    if (!next) {
      this.#lanes.delete(key);
      return;
    }
    this.#behind -= 1;
    this.#ready.push(next);
  }
}

import { Gatherer } from '../../kernel/gatherer.js';

/** Longest age of a value. With the time of a query, what was withdrawn counts within a second. */
const MAX_AGE_MS = 500;
const MAX_KEYS = 10_000;
const BATCH = 500;

interface Wanted<Value> {
  readonly key: string;
  readonly resolve: (value: Value | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Values by their keys that are read again when they are half a second old. What is asked for at once is read in one
 * query; a read that fails is not remembered.
 */
export class FreshValues<Value> {
  readonly #known = new Map<string, { askedAt: number; value: Promise<Value | undefined> }>();
  readonly #gatherer = new Gatherer<Wanted<Value>>(BATCH, (wanted) => this.#read(wanted));

  constructor(
    private readonly read: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
  ) {}

  /** Undefined where there is none. */
  get(key: string): Promise<Value | undefined> {
    const askedAt = performance.now();
    const known = this.#known.get(key);
    if (known && askedAt - known.askedAt < MAX_AGE_MS) return known.value;
    if (this.#known.size >= MAX_KEYS) this.#known.clear();
    const value = new Promise<Value | undefined>((resolve, reject) => {
      this.#gatherer.add({ key, resolve, reject });
    });
    this.#known.set(key, { askedAt, value });
    value.catch(() => this.#known.delete(key)); // whoever asked hears of it
    return value;
  }

  async #read(wanted: readonly Wanted<Value>[]): Promise<void> {
    try {
      const found = await this.read(wanted.map(({ key }) => key));
      for (const { key, resolve } of wanted) resolve(found.get(key));
    } catch (error) {
      for (const { reject } of wanted) reject(error);
    }
  }
}

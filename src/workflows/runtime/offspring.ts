import type { Instance } from './instance.js';

/** Instances that call or follow each other. A workflow that does so without end stops here. */
const MAX_DEPTH = 1_000;
/** Of one instance, within one transaction: a workflow that calls itself twice would be there after 13 generations. */
const MAX_OFFSPRING = 10_000;

/** Who has started whom within one transaction. */
export class Offspring {
  /** The instance that those started here go back to. */
  readonly #origins = new Map<Instance, Instance>();
  readonly #counts = new Map<Instance, number>();

  /** Why nothing more can be started by it, or undefined. */
  problem(starter: Instance): string | undefined {
    if (starter.depth >= MAX_DEPTH)
      return `Workflows call or follow each other ${String(MAX_DEPTH)} times: is there an end?`;
    if (this.#countOf(this.#originOf(starter)) >= MAX_OFFSPRING)
      return `One instance has started ${String(MAX_OFFSPRING)} others at once: is there an end?`;
    return undefined;
  }

  add(starter: Instance, started: Instance): void {
    const origin = this.#originOf(starter);
    this.#origins.set(started, origin);
    this.#counts.set(origin, this.#countOf(origin) + 1);
  }

  #originOf(instance: Instance): Instance {
    return this.#origins.get(instance) ?? instance;
  }

  #countOf(origin: Instance): number {
    return this.#counts.get(origin) ?? 0;
  }
}

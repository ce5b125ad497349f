import { setTimeout as delay } from 'node:timers/promises';
import type { Chance } from './chance.js';

export interface LoadOptions {
  /** Tasks that are to be confirmed by the API. */
  readonly total: number;
  /** Where the API is now; it may be another place after a restart. */
  readonly url: () => string;
  readonly chance: Chance;
  /** Of the tasks that do some work; the others are `noop`. Default 0.3. */
  readonly working?: number;
  /** How long those work, at least and at most. Default 50 to 300 ms. */
  readonly workMs?: readonly [number, number];
  readonly clients?: number;
}

/** A request that was not answered by 201: the connection's error, or the status. */
export interface Refusal {
  readonly why: string;
  readonly at: number;
}

const LARGEST_ARRAY = 60;
const SINGLES = 0.9;
const PAUSE_AFTER_REFUSAL_MS = 50;

/** Clients that create tasks, one by one and in arrays, and go on after every failure until enough are confirmed. */
export class Load {
  /** Ids that were answered by 201. Tasks whose request failed may or may not exist. */
  readonly confirmed = new Set<string>();
  readonly refusals: Refusal[] = [];
  requests = 0;
  #underWay = 0;
  #isStopped = false;

  constructor(private readonly options: LoadOptions) {}

  async run(): Promise<void> {
    const clients = Array.from({ length: this.options.clients ?? 24 }, () => this.#client());
    await Promise.all(clients);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #client(): Promise<void> {
    for (;;) {
      const left = this.options.total - this.confirmed.size - this.#underWay;
      if (this.#isStopped || left <= 0) return;
      const { chance } = this.options;
      const size = chance.next() < SINGLES ? 1 : chance.between(2, LARGEST_ARRAY);
      await this.#create(Math.min(left, size));
    }
  }

  async #create(size: number): Promise<void> {
    this.#underWay += size;
    this.requests += 1;
    try {
      const tasks = Array.from({ length: size }, () => this.#task());
      const why = await this.#post(size === 1 ? tasks[0] : tasks);
      if (why === undefined) return;
      this.refusals.push({ why, at: performance.now() });
      await delay(PAUSE_AFTER_REFUSAL_MS);
    } finally {
      this.#underWay -= size;
    }
  }

  /** Answers why it failed. */
  async #post(body: unknown): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.options.url()}/tasks`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const answer = (await response.json()) as { id: string } | { id: string }[];
      if (response.status !== 201) return String(response.status);
      for (const { id } of [answer].flat()) this.confirmed.add(id);
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  #task(): object {
    const { chance, working = 0.3, workMs = [50, 300] } = this.options;
    const priority = chance.next() < 0.1 ? 7 : 0;
    if (chance.next() >= working) return { kind: 'noop', payload: 'fault', priority };
    return {
      kind: 'emulate',
      payload: { min_ms: workMs[0], max_ms: workMs[1], failure_probability: 0.1 },
      backoff: { kind: 'exponential', delay_ms: 50, max_ms: 500 },
      priority,
    };
  }
}

/** The code of the connection's error, which fetch wraps. (Its errors come from another realm: no instanceof.) */
export function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? String(error);
}

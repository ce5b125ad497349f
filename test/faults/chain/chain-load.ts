import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '../load.js';
import type { Link, Order } from './chain.module.js';

export interface ChainLoadOptions {
  /** Links that are to be confirmed. Default: any number, until it is stopped. */
  readonly total?: number;
  /** Where the producer is now; it may be another place after a restart. */
  readonly url: () => string;
  readonly to?: Order['to'];
  /** Each is appended to by a client of its own. Default 8. */
  readonly keys?: number;
  /** Links of one transaction. Default 5. */
  readonly perOrder?: number;
  /** Between two orders of a client. Default: none. */
  readonly pauseMs?: number;
  /** By the number of the link. Default: none has any. */
  readonly faultOf?: (n: number) => Link['fault'];
}

const PAUSE_AFTER_REFUSAL_MS = 50;
/** A server that is cut off may leave a request without any answer. */
const ANSWER_MS = 12_000;

/** Clients that append links, and after every failure go on with new ones until enough are confirmed. */
export class ChainLoad {
  /** Links that were answered by success; those of a failed request may or may not be there. */
  readonly confirmed = new Set<string>();
  readonly refusals: string[] = [];
  attempts = 0;
  #underWay = 0;
  #isStopped = false;

  constructor(private readonly options: ChainLoadOptions) {}

  async run(): Promise<void> {
    const keys = Array.from({ length: this.options.keys ?? 8 }, () => randomUUID());
    await Promise.all(keys.map((key) => this.#client(key)));
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #client(key: string): Promise<void> {
    for (;;) {
      const { total = Infinity } = this.options;
      const left = total - this.confirmed.size - this.#underWay;
      if (this.#isStopped || left <= 0) return;
      await this.#append(key, Math.min(left, this.options.perOrder ?? 5));
      if (this.options.pauseMs !== undefined) await delay(this.options.pauseMs);
    }
  }

  async #append(key: string, size: number): Promise<void> {
    const links = Array.from({ length: size }, () => this.#link(key));
    this.#underWay += size;
    const why = await this.#post({ to: this.options.to, links });
    this.#underWay -= size;
    if (why === undefined) for (const { id } of links) this.confirmed.add(id);
    else {
      this.refusals.push(why);
      await delay(PAUSE_AFTER_REFUSAL_MS);
    }
  }

  #link(key: string): Link {
    const fault = this.options.faultOf?.(this.attempts);
    this.attempts += 1;
    return { id: randomUUID(), key, ...(fault ? { fault } : {}) };
  }

  /** Answers why it failed. */
  async #post(order: Order): Promise<string | undefined> {
    try {
      const response = await fetch(`${this.options.url()}/chain`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(order),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      await response.text();
      return response.ok ? undefined : String(response.status);
    } catch (error) {
      return reasonOf(error);
    }
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Delivery } from '../../src/kernel/messaging/broker.js';

const DEADLINE_MS = 15_000;
const POLL_MS = 5;

/** What a consumer was handed, in order, with a deadline on every wait. */
export class Deliveries {
  readonly all: Delivery[] = [];
  #taken = 0;
  #waiting: (() => void) | undefined;

  /** For `broker.consume`. */
  readonly receive = (delivery: Delivery): void => {
    this.all.push(delivery);
    this.#waiting?.();
  };

  async next(): Promise<Delivery> {
    const [delivery] = await this.take(1);
    return delivery as Delivery;
  }

  /** The next `count` deliveries that no earlier call has taken. */
  async take(count: number): Promise<Delivery[]> {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    while (this.all.length < this.#taken + count) {
      await this.#arrival(deadline, count);
    }
    this.#taken += count;
    return this.all.slice(this.#taken - count, this.#taken);
  }

  #arrival(deadline: AbortSignal, wanted: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => {
        const arrived = this.all.length - this.#taken;
        reject(new Error(`${arrived} of ${wanted} deliveries arrived in ${DEADLINE_MS} ms`));
      };
      if (deadline.aborted) return fail();
      deadline.addEventListener('abort', fail, { once: true });
      this.#waiting = () => {
        deadline.removeEventListener('abort', fail);
        resolve();
      };
    });
  }
}

/** Asks again and again until the answer is the wanted one. */
export async function eventually<T>(ask: () => T | Promise<T>, wanted: T): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  let answer = await ask();
  while (answer !== wanted) {
    if (performance.now() > end) {
      throw new Error(
        `Still ${String(answer)} instead of ${String(wanted)} after ${DEADLINE_MS} ms`,
      );
    }
    await delay(POLL_MS);
    answer = await ask();
  }
}

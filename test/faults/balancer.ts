import { setTimeout as delay } from 'node:timers/promises';
import type { FaultStand } from './fault-stand.js';

const PROBE_EVERY_MS = 50;

/** Sends each request to the next process that said it is ready, as a load balancer does. */
export class Balancer {
  #ready: readonly string[];
  #next = 0;

  constructor(
    private readonly stand: FaultStand,
    private readonly names: readonly string[],
  ) {
    this.#ready = names;
    void this.#probe();
  }

  /** The address of one. */
  pick(): string {
    const { [this.#next++ % this.#ready.length]: name = '' } = this.#ready;
    return this.stand.app(name).http.url;
  }

  async #probe(): Promise<void> {
    while (!this.stand.hasEnded) {
      const ready = await Promise.all(this.names.map((name) => this.#isReady(name)));
      const names = this.names.filter((_, index) => ready[index]);
      if (names.length > 0) this.#ready = names;
      await delay(PROBE_EVERY_MS);
    }
  }

  async #isReady(name: string): Promise<boolean> {
    try {
      return (await this.stand.app(name).readiness()) === 200;
    } catch {
      return false; // it is gone, or its door is closed
    }
  }
}

import type { ClientBase } from 'pg';
import { RoundTrip } from '../../src/kernel/persistence/round-trip.js';

const { jest } = import.meta;

/** More trips to the database than any command makes. */
const MOST = 50;

interface Socketed {
  readonly connection: { readonly stream: { destroy(): void } };
}

/** As the program has it. */
const sendOver = Object.getOwnPropertyDescriptor(RoundTrip.prototype, 'sendOver')?.value as (
  this: RoundTrip,
  client: ClientBase,
) => ReturnType<RoundTrip['sendOver']>;

/**
 * Breaks off what commands do after each of their trips to the database: what was sent is done there, nobody here hears
 * of it, and the connection is gone. For Postgres, and for whoever sent the command, the process was killed there.
 */
export class BrokenTrips {
  /** How often something was broken off. */
  count = 0;
  #left = Infinity;
  readonly #spy: { mockRestore(): void };

  constructor() {
    const isTheLast = () => this.#isTheLast();
    this.#spy = jest.spyOn(RoundTrip.prototype, 'sendOver').mockImplementation(async function (
      this: RoundTrip,
      client: ClientBase,
    ) {
      const answers = await sendOver.call(this, client);
      if (!isTheLast()) return answers;
      (client as unknown as Socketed).connection.stream.destroy();
      throw Object.assign(new Error('The process was killed here'), { code: 'ECONNRESET' });
    });
  }

  restore(): void {
    this.#spy.mockRestore();
  }

  /** Does something until it is broken off after its first trip, again until its second, and so on to its end. */
  async perform(act: () => Promise<unknown>): Promise<void> {
    for (let trip = 1; trip <= MOST; trip += 1) {
      const before = this.count;
      const hasBroken = () => this.count > before;
      this.#left = trip;
      try {
        await act();
      } catch (error) {
        if (!hasBroken()) throw error;
      } finally {
        this.#left = Infinity;
      }
      if (!hasBroken()) return;
    }
    throw new Error(`After ${String(MOST)} trips there are still more of them`);
  }

  #isTheLast(): boolean {
    this.#left -= 1;
    if (this.#left !== 0) return false;
    this.count += 1;
    return true;
  }
}

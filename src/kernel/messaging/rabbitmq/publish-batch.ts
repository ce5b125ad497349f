import type { PublishOutcome } from '../broker.js';
import type { PublishChannel } from './publish-channel.js';
import type { Outgoing } from './wire.js';

/** The messages of one call and what became of each. */
export class PublishBatch {
  readonly outcomes: Promise<PublishOutcome[]>;
  readonly #messages: readonly Outgoing[];
  readonly #results: PublishOutcome[];
  readonly #isSettled: Uint8Array;
  readonly #dueAt: number;
  readonly #resolve: (outcomes: PublishOutcome[]) => void;
  #written = 0;
  #unsettled: number;

  constructor(messages: readonly Outgoing[], timeoutMs: number) {
    this.#messages = messages;
    this.#results = new Array<PublishOutcome>(messages.length).fill(undefined);
    this.#isSettled = new Uint8Array(messages.length);
    this.#unsettled = messages.length;
    this.#dueAt = performance.now() + timeoutMs;
    const { promise, resolve } = Promise.withResolvers<PublishOutcome[]>();
    this.outcomes = promise;
    this.#resolve = resolve;
  }

  get unwritten(): number {
    return this.#messages.length - this.#written;
  }

  dueIn(): number {
    return Math.max(0, this.#dueAt - performance.now());
  }

  /** Writes what the channel has room for, in order, and tells how many those were. */
  writeTo(channel: PublishChannel): number {
    const from = this.#written;
    for (let message = this.#messages[from]; message; message = this.#messages[this.#written]) {
      if (!channel.hasRoom) break;
      const index = this.#written;
      this.#written += 1;
      channel.write(message, (outcome) => {
        this.#settle(index, outcome);
      });
    }
    return this.#written - from;
  }

  /** Answers the caller now; what is not settled yet gets the error. */
  fail(error: Error): void {
    for (let index = 0; index < this.#messages.length; index += 1) this.#settle(index, error);
  }

  #settle(index: number, outcome: PublishOutcome): void {
    if (this.#isSettled[index] === 1) return; // a confirm that came after the timeout
    this.#isSettled[index] = 1;
    this.#results[index] = outcome;
    this.#unsettled -= 1;
    if (this.#unsettled === 0) this.#resolve(this.#results);
  }
}

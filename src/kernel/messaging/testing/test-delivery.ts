import type { BrokerMessage, Delivery, RetryDelayMs } from '../broker.js';
import { HEADER } from '../message-headers.js';
import type { Arrival } from '../message-settler.js';

/** One arrival of a message that only remembers how it was settled. */
export class TestDelivery implements Delivery {
  readonly isLost = false;
  /** Set when it went to the dead letters. */
  reason: string | undefined;
  /** Set when it is to arrive again. */
  again: { readonly delayMs: RetryDelayMs; readonly arrival: Arrival } | undefined;

  constructor(
    readonly queue: string,
    readonly message: BrokerMessage,
    readonly attempt: number,
  ) {}

  async ack(): Promise<void> {
    // Nothing is kept of what is done.
  }

  async retry(delayMs: RetryDelayMs, error: string, nextAttempt = this.attempt + 1): Promise<void> {
    const headers = {
      ...this.message.headers,
      [HEADER.attempt]: String(nextAttempt),
      [HEADER.error]: error,
    };
    const delivery = new TestDelivery(this.queue, { ...this.message, headers }, nextAttempt);
    this.again = { delayMs, arrival: { delivery, attempt: nextAttempt } };
  }

  async deadLetter(reason: string): Promise<void> {
    this.reason = reason;
  }

  /** The next arrival of the message. Throws when it was settled for good, or not at all. */
  next(): Arrival {
    if (this.again) return this.again.arrival;
    throw new Error('The message was not settled');
  }
}

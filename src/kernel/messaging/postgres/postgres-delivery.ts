import type { BrokerMessage, Delivery, RetryDelayMs } from '../broker.js';
import { HEADER, withoutCredentials } from '../message-headers.js';
import { decode, encode } from './envelope.js';
import { deadLettersOf, type Job, type NewJob } from './job-store.js';

/** Ends the hold on a job: done, or replaced by another. */
export type Settle = (jobId: string, replacement?: NewJob) => Promise<void>;

/** The hold of a process on the jobs that it fetched; it may end for all of them at once. */
export interface Hold {
  readonly isLost: boolean;
  readonly settle: Settle;
}

/** One arrival of a message. A retry and a dead letter replace its job in one transaction, so neither is lost or doubled. */
export class PostgresDelivery implements Delivery {
  readonly message: BrokerMessage;
  #settled = false;

  constructor(
    readonly queue: string,
    private readonly job: Job,
    private readonly hold: Hold,
  ) {
    const message = decode(job.id, job.data);
    // pg-boss itself buries a job whose holder died on the last return; it knows no headers.
    const buried = job.sourceName !== null && message.headers[HEADER.error] === undefined;
    this.message = buried
      ? withHeaders(message, {
          [HEADER.error]: 'its consumers died',
          [HEADER.diedAt]: job.createdOn.toISOString(),
        })
      : message;
  }

  get attempt(): number {
    const attempt = Number(this.message.headers[HEADER.attempt] ?? 1);
    return Number.isInteger(attempt) && attempt > 0 ? attempt : 1;
  }

  get isLost(): boolean {
    return this.hold.isLost;
  }

  async ack(): Promise<void> {
    await this.#settle();
  }

  async retry(delayMs: RetryDelayMs, error: string, nextAttempt = this.attempt + 1): Promise<void> {
    const message = withHeaders(this.message, {
      [HEADER.attempt]: String(nextAttempt),
      [HEADER.firstAt]: this.message.headers[HEADER.firstAt] ?? this.job.createdOn.toISOString(),
      [HEADER.error]: error,
    });
    await this.#settle({ queue: this.queue, data: encode(message), delayMs });
  }

  async deadLetter(reason: string): Promise<void> {
    const { headers } = this.message;
    const message = withHeaders(
      { ...this.message, headers: withoutCredentials(headers) },
      { [HEADER.error]: reason, [HEADER.diedAt]: new Date().toISOString() },
    );
    await this.#settle({ queue: deadLettersOf(this.queue), data: encode(message) });
  }

  async #settle(replacement?: NewJob): Promise<void> {
    if (this.#settled) throw new Error(`A delivery of ${this.queue} was settled twice`);
    this.#settled = true;
    await this.hold.settle(this.job.id, replacement);
  }
}

function withHeaders(message: BrokerMessage, headers: Record<string, string>): BrokerMessage {
  return { ...message, headers: { ...message.headers, ...headers } };
}

import { Injectable } from '@nestjs/common';
import { Metrics } from '../observability/metrics.js';
import { DeadLetterStore } from './dead-letter.store.js';

/** Which queues lose messages, and whether somebody cares for them. */
@Injectable()
export class DeadLetterMetrics {
  readonly stored;
  readonly redriven;

  constructor(
    private readonly metrics: Metrics,
    store: DeadLetterStore,
  ) {
    this.stored = metrics.counter(
      'dead_letters_stored_total',
      'Deaths of messages that were stored, those after a redrive included.',
      ['queue'],
    );
    this.redriven = metrics.counter(
      'dead_letters_redriven_total',
      'Dead letters that were sent to their queue again.',
      ['queue'],
    );
    metrics.gauge<'queue'>(
      'dead_letters',
      'Letters that are dead now, counted up to 100,000.',
      async (gauge) => {
        const counts = await store.countDead();
        gauge.reset();
        for (const { queue, count } of counts) gauge.set({ queue }, count);
      },
      ['queue'],
    );
  }

  /** `refused` answers the queue of each. */
  watchRefused(refused: () => readonly string[]): void {
    this.metrics.gauge<'queue'>(
      'dead_letters_refused',
      'Letters that Postgres refuses to store; this process holds them and their queues keep them.',
      (gauge) => {
        gauge.reset();
        for (const queue of refused()) gauge.inc({ queue });
      },
      ['queue'],
    );
  }
}

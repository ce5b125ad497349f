import { Injectable } from '@nestjs/common';
import { Metrics } from '../observability/metrics.js';
import { OutboxStore } from './outbox.store.js';

/** What operators watch: does the outbox drain, and is something refused for good? */
@Injectable()
export class OutboxMetrics {
  readonly published;
  readonly failed;
  readonly publishSeconds;

  constructor(metrics: Metrics, store: OutboxStore) {
    this.published = metrics.counter(
      'outbox_published_total',
      'Messages that the broker confirmed.',
    );
    this.failed = metrics.counter(
      'outbox_refused_total',
      'Publishes that the broker refused, retries included.',
    );
    this.publishSeconds = metrics.histogram(
      'outbox_publish_seconds',
      'From publish to the last confirm of a batch.',
    );
    const parked = metrics.gauge(
      'outbox_parked_messages',
      'Messages set aside because the broker refused them.',
    );
    const oldest = metrics.gauge(
      'outbox_oldest_seconds',
      'Age of the oldest message among the first hundred.',
    );
    metrics.gauge(
      'outbox_waiting_messages',
      'Messages not yet published, counted up to 100,000.',
      async () => {
        const backlog = await store.backlog();
        parked.set(backlog.parked);
        oldest.set(backlog.oldestSeconds);
        return backlog.waiting;
      },
    );
  }
}

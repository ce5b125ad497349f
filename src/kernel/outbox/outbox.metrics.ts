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
    // One scrape asks for all three at the same time, so they share one look.
    let look: ReturnType<OutboxStore['backlog']> | undefined;
    const backlog = () => (look ??= store.backlog().finally(() => (look = undefined)));
    metrics.gauge(
      'outbox_parked_messages',
      'Messages set aside because the broker refused them.',
      async () => (await backlog()).parked,
    );
    metrics.gauge(
      'outbox_oldest_seconds',
      'Age of the oldest message that waits.',
      async () => (await backlog()).oldestSeconds,
    );
    metrics.gauge(
      'outbox_waiting_messages',
      'Messages not yet published, counted up to 100,000.',
      async () => (await backlog()).waiting,
    );
  }
}

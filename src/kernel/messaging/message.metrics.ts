import { Injectable } from '@nestjs/common';
import { Metrics } from '../observability/metrics.js';

/** What became of the messages of each queue, and how long their handlers took. */
@Injectable()
export class MessageMetrics {
  readonly handled;
  readonly handleSeconds;
  readonly paused;
  readonly lateReplies;

  constructor(metrics: Metrics) {
    this.handled = metrics.counter(
      'message_handled_total',
      'Messages settled, by what became of them.',
      ['queue', 'route', 'outcome'],
    );
    this.handleSeconds = metrics.histogram(
      'message_handle_seconds',
      'From delivery to settlement.',
      ['queue'],
    );
    this.paused = metrics.gauge(
      'message_queue_paused',
      'Consumption rests because every handler fails: 1, else 0.',
      undefined,
      ['queue'],
    );
    this.lateReplies = metrics.counter(
      'message_late_replies_total',
      'Replies that nobody waited for any more.',
    );
  }
}

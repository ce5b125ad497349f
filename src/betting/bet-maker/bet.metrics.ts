import { Injectable } from '@nestjs/common';
import { Metrics } from '../../kernel/observability/metrics.js';

@Injectable()
export class BetMetrics {
  readonly placed;
  readonly refused;
  readonly settled;

  constructor(metrics: Metrics) {
    this.placed = metrics.counter('bets_placed_total', 'Bets accepted by this process.');
    this.refused = metrics.counter(
      'bet_requests_refused_total',
      'Requests to place bets that broke a rule, by its code.',
      ['code'],
    );
    this.settled = metrics.counter('bets_settled_total', 'Bets settled by this process, or anew.');
  }
}

import { Injectable } from '@nestjs/common';
import { Metrics } from '../../kernel/observability/metrics.js';
import { ProviderDirectory } from '../queries/provider-directory.js';

const DECISION_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1];

@Injectable()
export class ProviderMetrics {
  readonly requests;
  readonly overQuota;
  readonly paidExcess;
  readonly paidCost;
  readonly decisionSeconds;

  constructor(
    private readonly metrics: Metrics,
    directory: ProviderDirectory,
  ) {
    this.requests = metrics.counter(
      'provider_requests_total',
      'Calls of providers that ended in this process.',
      ['provider', 'outcome'],
    );
    this.overQuota = metrics.counter(
      'provider_over_quota_total',
      'Calls that a provider answered with 429.',
      ['provider'],
    );
    this.paidExcess = metrics.counter(
      'provider_paid_excess_calls_total',
      'Paid calls above the least possible, as found by this process when it folded the usage.',
    );
    this.paidCost = metrics.counter(
      'provider_paid_cost_micros_total',
      'Spent by calls of this process, in millionths of the currency.',
    );
    this.decisionSeconds = metrics.histogram(
      'quota_decision_seconds',
      'From a claimed message to the decision where it goes.',
      [],
      DECISION_BUCKETS,
    );
    metrics.gauge(
      'provider_quota_remaining',
      'Calls that could be sent now, in all processes.',
      (gauge) => {
        for (const { id } of directory.all) {
          const remaining = directory.stateOf(id)?.remaining;
          if (remaining != null) gauge.set({ provider: id }, remaining);
        }
      },
      ['provider'],
    );
  }

  watchSending(sending: () => number): void {
    this.metrics.gauge(
      'provider_messages_sending',
      'Messages that this process holds to send them.',
      sending,
    );
  }
}

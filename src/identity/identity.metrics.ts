import { Injectable } from '@nestjs/common';
import { Metrics } from '../kernel/observability/metrics.js';

@Injectable()
export class IdentityMetrics {
  readonly logins;

  constructor(private readonly metrics: Metrics) {
    this.logins = metrics.counter(
      'identity_logins_total',
      'Attempts to log in, by their outcome.',
      ['outcome'],
    );
  }

  watchHashes(atWork: () => number): void {
    const help = 'Passwords that this process hashes or compares at present.';
    this.metrics.gauge('identity_hashes_in_flight', help, atWork);
  }
}

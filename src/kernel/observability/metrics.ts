import { Injectable, Logger } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Metric } from 'prom-client';
import { within } from './deadline.js';
import { metricProblems } from './metric-name.js';
import type { MetricDescription } from './metric-name.js';

/** From a fast answer out of memory to the slowest that a caller would wait for. */
const SECONDS_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];
const COLLECT_TIMEOUT_MS = 2_000;
/** Gauges of prom-client named like counters; the same numbers stand in their namesakes by type. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/**
 * The metrics of one application: every application of a process (as in tests) has its own registry. Asking for a
 * name again gives the metric that exists. A name, unit or label against Prometheus' rules throws, so that it fails
 * the boot and not the dashboards. Label values must come from a small closed set: route templates, never ids.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();
  readonly #signatures = new Map<string, string>();
  readonly #logger = new Logger('Metrics');

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    for (const name of MISNAMED) this.registry.removeSingleMetric(name);
  }

  counter<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
  ): Counter<L> {
    return this.#once({ name, type: 'counter', help, labels: labelNames }, () => {
      return new Counter<L>({ name, help, labelNames, registers: [this.registry] });
    });
  }

  histogram<L extends string = never>(
    name: string,
    help: string,
    labelNames: readonly L[] = [],
    buckets: readonly number[] = SECONDS_BUCKETS,
  ): Histogram<L> {
    return this.#once({ name, type: 'histogram', help, labels: labelNames }, () => {
      const settings = { name, help, labelNames, buckets: [...buckets] };
      return new Histogram<L>({ ...settings, registers: [this.registry] });
    });
  }

  /**
   * `collect` runs at every scrape: it returns the value, or sets the values of a labelled gauge itself. One that
   * fails or takes more than 2 s leaves its gauge without a value and never fails the scrape.
   */
  gauge<L extends string = never>(
    name: string,
    help: string,
    collect?: (gauge: Gauge<L>) => unknown,
    labelNames: readonly L[] = [],
  ): Gauge<L> {
    return this.#once({ name, type: 'gauge', help, labels: labelNames }, () => {
      const gauge: Gauge<L> = new Gauge<L>({
        name,
        help,
        labelNames,
        registers: [this.registry],
        ...(collect ? { collect: () => this.#collect(gauge, name, collect) } : {}),
      });
      return gauge;
    });
  }

  #once<M extends Metric>(description: MetricDescription, make: () => M): M {
    const { name, type, labels } = description;
    const signature = `${type} {${labels.join()}}`;
    const known = this.#signatures.get(name);
    if (known === undefined) {
      const problems = metricProblems(description);
      if (problems.length > 0) throw new Error(`Not a metric: ${problems.join('; ')}`);
      this.#signatures.set(name, signature);
      return make();
    }
    if (known !== signature) throw new Error(`${name} is already ${known}, not ${signature}`);
    return this.registry.getSingleMetric(name) as M;
  }

  async #collect<L extends string>(
    gauge: Gauge<L>,
    name: string,
    collect: (gauge: Gauge<L>) => unknown,
  ): Promise<void> {
    try {
      const value = await within(COLLECT_TIMEOUT_MS, async () => collect(gauge));
      if (typeof value === 'number') gauge.set(value);
    } catch (error) {
      this.#logger.warn({ err: error, metric: name }, 'a metric could not be collected');
      gauge.reset();
      // Without labels a reset gauge would claim to be 0.
      if (this.#signatures.get(name) === 'gauge {}') gauge.set(Number.NaN);
    }
  }
}

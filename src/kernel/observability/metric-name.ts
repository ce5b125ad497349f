export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly labels: readonly string[];
}

const UNITS_TO_AVOID =
  /_(s|sec|secs|ms|us|ns|millis|millisecond|microsecond|nanosecond|minute|hour|day|week|b|kb|mb|gb|tb|kib|mib|gib|kilobyte|megabyte|gigabyte|kibibyte|mebibyte|bit|percent|pct)s?(_|$)/;
/** A label with one value per request, caller or object grows without end. */
const UNBOUNDED_LABEL = /(^|_)(id|uuid|url|uri|path|email|user|ip|key|trace|message)$/;

/**
 * What `promtool check metrics` would complain about, and labels whose values have no bound. Empty: all is well.
 * Source: https://prometheus.io/docs/practices/naming and promtool's linter.
 */
export function metricProblems(metric: MetricDescription): string[] {
  return [...nameProblems(metric), ...metric.labels.flatMap(labelProblems)].map(
    (problem) => `${metric.name}: ${problem}`,
  );
}

function nameProblems({ name, type, help }: MetricDescription): string[] {
  const distribution = type === 'histogram' || type === 'summary';
  const rules: [broken: boolean, problem: string][] = [
    [help.trim() === '', 'has no help text'],
    [!/^[a-z][a-z0-9_]*$/.test(name), 'is not in snake_case'],
    [type === 'counter' && !name.endsWith('_total'), 'a counter ends in _total'],
    [type !== 'counter' && name.endsWith('_total'), 'only a counter ends in _total'],
    [type !== 'histogram' && name.endsWith('_bucket'), 'only a histogram has _bucket'],
    [!distribution && /_(count|sum)$/.test(name), '_count and _sum belong to histograms'],
    [/_(counter|gauge|histogram|summary)(_|$)/.test(name), 'repeats its type in its name'],
    [UNITS_TO_AVOID.test(name), 'uses base units only: seconds, bytes, ratio'],
  ];
  return rules.filter(([broken]) => broken).map(([, problem]) => problem);
}

function labelProblems(label: string): string[] {
  if (!/^[a-z][a-z0-9_]*$/.test(label)) return [`label ${label} is not in snake_case`];
  return UNBOUNDED_LABEL.test(label) ? [`label ${label} has no bound`] : [];
}

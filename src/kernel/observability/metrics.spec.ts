import { Logger } from '@nestjs/common';
import { metricProblems } from './metric-name.js';
import { Metrics } from './metrics.js';

/** Reads the exposition as promtool does: what is served counts, not what was meant. */
function lint(text: string): string[] {
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  const helps = new Map(
    [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => [name, help]),
  );
  return types.flatMap(([, name = '', type = '']) =>
    metricProblems({ name, type: type as 'counter', help: helps.get(name) ?? '', labels: [] }),
  );
}

describe('metrics', () => {
  let metrics: Metrics;
  beforeEach(() => {
    metrics = new Metrics();
  });

  it('of the process itself keep the rules of promtool', async () => {
    const text = await metrics.registry.metrics();
    expect(text).toContain('process_cpu_seconds_total');
    expect(lint(text)).toEqual([]);
  });

  it('are created once per application, and apart between applications', async () => {
    const first = metrics.counter('task_done_total', 'Done.', ['kind']);
    expect(metrics.counter('task_done_total', 'Done.', ['kind'])).toBe(first);
    first.inc({ kind: 'noop' }, 3);
    const other = new Metrics();
    expect(other.counter('task_done_total', 'Done.', ['kind'])).not.toBe(first);
    expect(await metrics.registry.metrics()).toContain('task_done_total{kind="noop"} 3');
    expect(await other.registry.metrics()).not.toContain('kind="noop"');
  });

  it('refuse a name that is taken by another kind', () => {
    metrics.counter('task_done_total', 'Done.');
    expect(() => metrics.counter('task_done_total', 'Done.', ['kind'])).toThrow(/already counter/);
  });

  it.each([
    ['a counter without _total', () => metrics.counter('task_done', 'Done.')],
    ['a gauge with _total', () => metrics.gauge('task_open_total', 'Open.')],
    ['milliseconds', () => metrics.histogram('task_run_ms', 'Run.')],
    ['milliseconds in full', () => metrics.histogram('task_run_milliseconds', 'Run.')],
    ['kilobytes', () => metrics.gauge('task_size_kilobytes', 'Size.')],
    ['percent', () => metrics.gauge('task_full_percent', 'Full.')],
    ['camel case', () => metrics.gauge('taskOpen', 'Open.')],
    ['its type in its name', () => metrics.gauge('task_gauge_open', 'Open.')],
    ['a suffix of histograms', () => metrics.gauge('task_open_count', 'Open.')],
    ['no help', () => metrics.gauge('task_open', ' ')],
    ['an id as label', () => metrics.counter('task_done_total', 'Done.', ['task_id'])],
    ['a path as label', () => metrics.counter('task_done_total', 'Done.', ['path'])],
  ])('refuse %s', (_, create) => {
    expect(create).toThrow(/Not a metric/);
  });

  it('collect gauges at the scrape, with and without labels', async () => {
    metrics.gauge('task_open', 'Open.', async () => Promise.resolve(4));
    metrics.gauge('task_depth', 'Depth.', (gauge) => gauge.set({ scope: 'ml' }, 2), ['scope']);
    const text = await metrics.registry.metrics();
    expect(text).toContain('task_open 4');
    expect(text).toContain('task_depth{scope="ml"} 2');
  });

  it('survive a gauge that cannot be collected, which then has no value', async () => {
    Logger.overrideLogger(false);
    let broken = false;
    metrics.gauge('task_open', 'Open.', () => {
      if (broken) throw new Error('no database');
      return 4;
    });
    await metrics.registry.metrics();
    broken = true;
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/^task_open Nan$/im);
    expect(text).toContain('process_cpu_seconds_total');
  });
});

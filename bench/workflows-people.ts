/** The repair of machines: signals of a prediction system, and what three kinds of people complete. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { query } from '../scripts/services/postgres.ts';
import { type Bench, type Result, run, variant } from './support/bench.ts';
import { percentiles, rounded } from './support/percentiles.ts';
import type { Program } from './support/program.ts';
import { numberSetting, setting } from './support/services.ts';
import { until } from './support/until.ts';
import { type Draft, park, publish, startWorkflows } from './support/workflow-stand.ts';

const WARM_UP_SECONDS = 3;
const WORKFLOW = 'machine-repair';

/**
 * As in the examples, but that two tasks do nothing: its mail is no work of ours, and new thresholds are for all machines,
 * so they are not set hundreds of times a second.
 */
const REPLACED: readonly unknown[] = ['mail', 'configure'];

await run(async (bench) => {
  const program = await startWorkflows(bench);
  await publish(program, repair());
  await park(bench, program, Number(setting('BENCH_PARKED') ?? 0));
  return variant === 'latency' ? latency(bench, program) : throughput(bench, program);
});

function repair(): Draft {
  const file = join(import.meta.dirname, '../examples/workflows/machine-repair.json');
  const draft = JSON.parse(readFileSync(file, 'utf8')) as Draft;
  const nodes = draft.nodes.map((node) =>
    REPLACED.includes(node['kind']) ? { ...node, kind: 'task:noop', config: {} } : node,
  );
  return { ...draft, nodes };
}

async function throughput(bench: Bench, program: Program): Promise<Result> {
  const lanes = numberSetting('BENCH_CONCURRENCY', 256);
  const order = { do: 'people', workflow: WORKFLOW, lanes } as const;
  await program.ask({ ...order, seconds: WARM_UP_SECONDS });
  bench.startClock();
  const done = await program.ask({ ...order, seconds: numberSetting('BENCH_SECONDS', 30) });
  bench.stopClock();
  await ended(bench);
  const steps = done.signals + done.completions;
  return {
    value: rounded(steps / done.seconds),
    unit: 'steps/s',
    items: steps,
    figures: {
      signals: done.signals,
      'user tasks completed': done.completions,
      instances: done.instances,
      'machines at once': lanes,
      parked: Number(setting('BENCH_PARKED') ?? 0),
      seconds: rounded(done.seconds, 1),
    },
  };
}

/** Every instance has come to its end, with one user task for each decision of people and one row for each. */
async function ended({ databaseUrl }: Bench): Promise<void> {
  const left = async () => {
    const [row] = await query<{ running: number; open: number; incidents: number }>(
      databaseUrl,
      `select count(*) filter (where status = 'running')::int as running,
              coalesce(sum(incidents), 0)::int as incidents,
              (select count(*)::int from workflows.user_task where status <> 'completed') as open
       from workflows.instance where key = '${WORKFLOW}'`,
    );
    if (row?.incidents) throw new Error(`${row.incidents} incidents`);
    return row?.running === 0 && row.open === 0;
  };
  await until(left, 200);
}

async function latency(bench: Bench, program: Program): Promise<Result> {
  const perSecond = numberSetting('BENCH_RATE', 1_000);
  const seconds = numberSetting('BENCH_SECONDS', 10);
  const order = { do: 'signal-at', workflow: WORKFLOW, perSecond } as const;
  const warmUp = await program.ask({ ...order, seconds: WARM_UP_SECONDS });
  const samples = await program.ask({ ...order, seconds });
  const [row] = await query<{ open: number }>(
    bench.databaseUrl,
    `select count(*)::int as open from workflows.user_task where status = 'created'`,
  );
  const signals = warmUp.length + samples.length;
  if (row?.open !== signals)
    throw new Error(`${signals} signals gave rise to ${row?.open} user tasks`);
  const { p50, p99, max } = percentiles(samples);
  return {
    value: p99,
    unit: 'ms from the signal to the user task, p99',
    figures: { p50, p99, max, 'signals/s': perSecond, signals: samples.length },
  };
}

/** A program that finds 100,000 published definitions: how soon it is ready, and what it keeps of those it runs. */
import { query } from '../scripts/services/postgres.ts';
import { type Bench, run } from './support/bench.ts';
import { rounded } from './support/percentiles.ts';
import type { Program } from './support/program.ts';
import { connectTo, numberSetting } from './support/services.ts';
import { memoryOf } from './support/usage.ts';
import { publishChain, send, startWorkflows } from './support/workflow-stand.ts';

const PER_REQUEST = 100;
const NODES = 10;

await run(async (bench) => {
  const definitions = numberSetting('BENCH_DEFINITIONS', 100_000);
  const instances = numberSetting('BENCH_TASKS', 5_000);
  const { program: first, seconds: before } = await timedStart(bench);
  const steps = Array.from({ length: NODES }, (_, i) => step(i));
  await publishChain(first, 'original', steps);
  await copy(bench.databaseUrl, definitions);
  await bench.leave(first);

  const { program, seconds: ready } = await timedStart(bench);
  const memory = memoryOf(program.pid).now;
  bench.startClock();
  const startedAt = performance.now();
  await startEach(program, definitions, instances);
  const seconds = (performance.now() - startedAt) / 1_000;
  bench.stopClock();
  const [row] = await query<{ completed: number }>(
    bench.databaseUrl,
    `select count(*)::int as completed from workflows.instance where status = 'completed'`,
  );
  if (row?.completed !== instances)
    throw new Error(`${row?.completed} of ${instances} instances are completed`);
  return {
    value: rounded(ready, 2),
    unit: 's from the start of the process until it is ready',
    items: instances,
    figures: {
      definitions,
      's without any': rounded(before, 2),
      'MB when it is ready': memory,
      'instances of different ones': instances,
      'of these a second': rounded(instances / seconds),
    },
  };
});

async function timedStart(bench: Bench): Promise<{ program: Program; seconds: number }> {
  const since = performance.now();
  const program = await startWorkflows(bench);
  return { program, seconds: (performance.now() - since) / 1_000 };
}

function step(i: number): object {
  const config = { [`v${i}`]: `=n * ${i} + 1` };
  return {
    id: `step${i}`,
    type: 'task',
    kind: 'set',
    config,
    ...(i === NODES - 1 && { final: true }),
  };
}

async function copy(databaseUrl: string, count: number): Promise<void> {
  const database = await connectTo(databaseUrl);
  const named = (column: string) => `replace(${column}::text, '"original"', '"' || k || '"')::json`;
  const keys = `(select 'definition-' || n as k from generate_series(1, ${count}) as n) as keys`;
  try {
    await database.query(
      `insert into workflows.workflow
       select (jsonb_populate_record(w, jsonb_build_object('key', k, 'draft', ${named('draft')}))).*
       from workflows.workflow w cross join ${keys} where w.key = 'original'`,
    );
    await database.query(
      `insert into workflows.workflow_version
       select (jsonb_populate_record(v, jsonb_build_object('key', k, 'definition', ${named('definition')}))).*
       from workflows.workflow_version v cross join ${keys} where v.key = 'original'`,
    );
    await database.query('vacuum analyze workflows.workflow, workflows.workflow_version');
  } finally {
    await database.end();
  }
}

/** One instance of each of so many definitions, far more than are cached. */
async function startEach(program: Program, definitions: number, count: number): Promise<void> {
  for (let at = 0; at < count; at += PER_REQUEST) {
    const requests = Array.from({ length: Math.min(PER_REQUEST, count - at) }, (_, i) => {
      const workflow = `definition-${((at + i) % definitions) + 1}`;
      return { workflow, variables: { n: i } };
    });
    await send(program, 'POST', 'workflow-instances', requests);
  }
}

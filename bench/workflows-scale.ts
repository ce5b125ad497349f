/** Large instances: a loop of 100,000 turns with waits, a thousand calls at once, calls 50 deep. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { query } from '../scripts/services/postgres.ts';
import { type Bench, run } from './support/bench.ts';
import { rounded } from './support/percentiles.ts';
import type { Program } from './support/program.ts';
import { numberSetting } from './support/services.ts';
import { until } from './support/until.ts';
import {
  type Draft,
  publish,
  publishChain,
  send,
  startWorkflows,
} from './support/workflow-stand.ts';

const PER_REQUEST = 1_000;
const CHILDREN = 1_000;
const DEPTH = 50;
const START = { id: 'start', type: 'start' };

await run(async (bench) => {
  const turns = numberSetting('BENCH_TASKS', 100_000);
  const program = await startWorkflows(bench);
  bench.startClock();
  const took = await loop(program, turns);
  bench.stopClock();
  await completed(bench, 'loop', 1);
  const microsOf = (some: readonly number[]): number =>
    rounded((1_000 * some.reduce((sum, ms) => sum + ms, 0)) / (some.length * PER_REQUEST));
  const tenth = Math.max(1, Math.floor(took.length / 10));
  const children = await timed(() => calls(bench, program));
  const recursion = await timed(() => recurse(bench, program));
  return {
    value: microsOf(took),
    unit: 'µs a turn',
    items: turns,
    figures: {
      turns,
      'µs a turn of the first tenth': microsOf(took.slice(0, tenth)),
      'µs a turn of the last tenth': microsOf(took.slice(-tenth)),
      [`s for ${CHILDREN} calls at once`]: children,
      [`s for calls ${DEPTH} deep`]: recursion,
    },
  };
});

/** A thousand turns with each request, one request after the other; milliseconds of each. */
async function loop(program: Program, turns: number): Promise<number[]> {
  await publish(program, {
    key: 'loop',
    nodes: [
      START,
      { id: 'wait', type: 'wait', signal: { name: 'turn' } },
      { id: 'count', type: 'task', kind: 'set', config: { turns: '=turns + 1' } },
      { id: 'end', type: 'end' },
    ],
    flows: [
      { from: 'start', to: 'wait' },
      { from: 'wait', to: 'count' },
      { from: 'count', when: `turns < ${turns}`, to: 'wait' },
      { from: 'count', otherwise: true, to: 'end' },
    ],
  });
  await send(program, 'POST', 'workflow-instances', { workflow: 'loop', variables: { turns: 0 } });
  const signals = Array.from({ length: PER_REQUEST }, () => ({ name: 'turn' }));
  const took: number[] = [];
  for (let turn = 0; turn < turns; turn += PER_REQUEST) {
    const since = performance.now();
    await send(program, 'POST', 'signals', signals.slice(0, turns - turn));
    took.push(performance.now() - since);
  }
  return took;
}

async function calls(bench: Bench, program: Program): Promise<void> {
  const twice = {
    id: 'twice',
    type: 'task',
    kind: 'set',
    config: { twice: '=n * 2' },
    final: true,
  };
  await publishChain(program, 'called', [twice]);
  const call = { workflow: 'called', input: { n: '=index' } };
  const all = { id: 'all', type: 'scope', each: { count: CHILDREN }, call, final: true };
  await publishChain(program, 'caller', [all]);
  await send(program, 'POST', 'workflow-instances', { workflow: 'caller' });
  await completed(bench, 'caller', 1);
  await completed(bench, 'called', CHILDREN);
}

async function recurse(bench: Bench, program: Program): Promise<void> {
  const file = join(import.meta.dirname, '../examples/patterns/22-recursion.json');
  const draft = JSON.parse(readFileSync(file, 'utf8')) as Draft;
  await publish(program, draft);
  await send(program, 'POST', 'workflow-instances', {
    workflow: draft.key,
    variables: { depth: DEPTH },
  });
  await completed(bench, draft.key, DEPTH + 1);
}

async function completed({ databaseUrl }: Bench, key: string, count: number): Promise<void> {
  const sql = `select count(*)::int as count from workflows.instance where key = '${key}' and status = 'completed'`;
  await until(async () => {
    const [row] = await query<{ count: number }>(databaseUrl, sql);
    return row?.count === count;
  }, 20);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const since = performance.now();
  await work();
  return rounded((performance.now() - since) / 1_000, 1);
}

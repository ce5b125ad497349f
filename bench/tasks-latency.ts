/** How long a task waits for its handler at a steady 1,000 tasks a second; nothing else is to be done. */
import { type Bench, run, variant } from './support/bench.ts';
import type { Creation, Starts } from './support/orders.ts';
import { percentiles } from './support/percentiles.ts';
import type { Program } from './support/program.ts';
import { numberSetting } from './support/services.ts';
import { until } from './support/until.ts';

const WARM_UP_SECONDS = 3;
const RECORD = { BENCH_RECORD_STARTS: '1' };

await run(async (bench) => {
  const { creator, worker } = await startPrograms(bench);
  const perSecond = numberSetting('BENCH_RATE', 1_000);
  const seconds = numberSetting('BENCH_SECONDS', 30);
  const open = (length: number) =>
    creator.ask({ do: 'create-at', kind: 'noop', perSecond, seconds: length });
  await startsOf(await open(WARM_UP_SECONDS), worker);
  bench.startClock();
  const creations = await open(seconds);
  bench.stopClock();
  const starts = await startsOf(creations, worker);
  const startOf = ({ id }: Creation): number => starts.get(id) ?? Number.NaN;
  const fromAnswer = percentiles(creations.map((task) => startOf(task) - task.answeredAt));
  const fromAsking = percentiles(creations.map((task) => startOf(task) - task.askedAt));
  const answer = percentiles(creations.map((task) => task.answeredAt - task.askedAt));
  return {
    value: fromAnswer.p50,
    items: creations.length,
    unit: 'ms from the answer to the start, p50',
    figures: {
      p50: fromAnswer.p50,
      p99: fromAnswer.p99,
      max: fromAnswer.max,
      p50_from_asking: fromAsking.p50,
      p99_from_asking: fromAsking.p99,
      p50_of_answer: answer.p50,
      p99_of_answer: answer.p99,
      tasks: creations.length,
      'tasks/s': perSecond,
    },
  };
});

async function startPrograms(bench: Bench): Promise<{ creator: Program; worker: Program }> {
  if (variant !== 'split') {
    const roles = 'api,worker,relay,scheduler';
    const all = await bench.start({ name: 'all-roles', roles, ordered: true, env: RECORD });
    return { creator: all, worker: all };
  }
  const worker = await bench.start({ name: 'worker', roles: 'worker', ordered: true, env: RECORD });
  await bench.start({ name: 'relay', roles: 'relay,scheduler' });
  const creator = await bench.start({ name: 'api', roles: 'api', ordered: true });
  return { creator, worker };
}

/** Waits until every one of the tasks was started, and fails if one was started twice. */
async function startsOf(creations: readonly Creation[], worker: Program) {
  const starts: Starts = [];
  await until(async () => {
    starts.push(...(await worker.ask({ do: 'starts' })));
    return starts.length >= creations.length;
  }, 100);
  const byId = new Map(starts);
  if (byId.size !== creations.length || !creations.every(({ id }) => byId.has(id)))
    throw new Error(`${creations.length} tasks were created, ${starts.length} runs started`);
  return byId;
}

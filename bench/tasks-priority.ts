/** Urgent tasks are created while 100,000 ordinary ones wait and every slot is busy: how long until each starts? */
import { setTimeout as delay } from 'node:timers/promises';
import { type Bench, run } from './support/bench.ts';
import { percentiles, rounded } from './support/percentiles.ts';
import type { Program } from './support/program.ts';
import { connectTo, numberSetting } from './support/services.ts';
import { until } from './support/until.ts';

const KIND = 'emulate';
const URGENT = 9;
const URGENT_PER_SECOND = 2;

await run(async (bench) => {
  const tasks = numberSetting('BENCH_TASKS', 100_000);
  const seconds = numberSetting('BENCH_SECONDS', 20);
  // The ordinary ones take 5 to 10 s each, as by default, so that a slot is free only now and then.
  const program = await bench.start({
    name: 'all-roles',
    roles: 'api,worker,relay,scheduler',
    ordered: true,
    env: { BENCH_RECORD_STARTS: '1', EMULATE_FAILURE_PROBABILITY: '0' },
  });
  await fillQueue(bench, program, tasks);
  await delay(2_000);
  const before = (await program.ask({ do: 'starts' })).length;
  bench.startClock();
  const urgent = await program.ask({
    do: 'create-at',
    kind: KIND,
    priority: URGENT,
    perSecond: URGENT_PER_SECOND,
    seconds,
  });
  const starts = new Map<string, number>();
  await until(async () => {
    for (const [id, at] of await program.ask({ do: 'starts' })) starts.set(id, at);
    return urgent.every(({ id }) => starts.has(id));
  }, 50);
  bench.stopClock();
  const waits = urgent.map(({ id, askedAt }) => (starts.get(id) ?? Number.NaN) - askedAt);
  const { p50, max } = percentiles(waits);
  return {
    value: rounded(max),
    unit: 'ms from asking to the start, the slowest',
    figures: {
      p50,
      'urgent tasks': urgent.length,
      'queued tasks': tasks,
      'ordinary tasks started before': before,
      'ordinary tasks started meanwhile': starts.size - urgent.length,
    },
  };
});

/** Returns when all of them are with the broker. */
async function fillQueue(bench: Bench, program: Program, tasks: number): Promise<void> {
  const order = { do: 'create', kind: KIND, perCommand: 500, concurrency: 2 } as const;
  await program.ask({ ...order, until: { tasks } });
  const database = await connectTo(bench.databaseUrl);
  try {
    await until(async () => {
      const { rowCount } = await database.query('select 1 from kernel.outbox limit 1');
      return rowCount === 0;
    }, 200);
  } finally {
    await database.end();
  }
}

/** Tasks created through the mediator, queued, run as noop, succeeded, and their event received, at once and for long. */
import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { query } from '../scripts/services/postgres.ts';
import { type Bench, type Result, run, variant } from './support/bench.ts';
import { EventCounter } from './support/events.ts';
import type { Program } from './support/program.ts';
import { rounded } from './support/percentiles.ts';
import { numberSetting, setting } from './support/services.ts';
import { SteadyWindow } from './support/steady-window.ts';

const DRAIN_TIMEOUT_MS = 60_000;

await run(async (bench) => {
  const progress = new EventEmitter<{ finished: [count: number] }>();
  const events = await EventCounter.subscribe(
    bench.amqpUrl,
    'tasks.task-succeeded.v1',
    (finished) => progress.emit('finished', finished),
  );
  try {
    const creator = await startPrograms(bench);
    progress.on('finished', (finished) => creator.credit({ finished }));
    return await measure(bench, creator, events);
  } finally {
    await events.close();
  }
});

/** Answers the one that creates. */
async function startPrograms(bench: Bench): Promise<Program> {
  if (variant !== 'split')
    return bench.start({ name: 'all-roles', roles: 'api,worker,relay,scheduler', ordered: true });
  await bench.start({ name: 'worker', roles: 'worker' });
  await bench.start({ name: 'relay', roles: 'relay,scheduler' });
  return bench.start({ name: 'api', roles: 'api', ordered: true });
}

async function measure(bench: Bench, creator: Program, events: EventCounter): Promise<Result> {
  const window = numberSetting('BENCH_WINDOW', 4_000);
  const until = setting('BENCH_TASKS')
    ? { tasks: numberSetting('BENCH_TASKS', 1) }
    : { seconds: numberSetting('BENCH_SECONDS', 30) };
  const steady = new SteadyWindow(bench, events, until);
  const created = await creator.ask({
    do: 'create',
    kind: 'noop',
    perCommand: 1,
    concurrency: numberSetting('BENCH_CONCURRENCY', 512),
    until,
    window,
  });
  const { finished, seconds } = steady.end();
  await drained(events, created.tasks);
  await verify(bench, events, created.tasks);
  return {
    value: rounded(finished / seconds),
    unit: 'tasks/s',
    items: finished,
    figures: {
      tasks: created.tasks,
      seconds: rounded(created.seconds, 1),
      'measured seconds': rounded(seconds, 1),
      'created/s': rounded(created.tasks / created.seconds),
      'unfinished at most': window,
    },
  };
}

async function drained(events: EventCounter, tasks: number): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  while (events.count < tasks) {
    if (performance.now() > deadline)
      throw new Error(`${tasks - events.count} of ${tasks} tasks have not told of their success`);
    await delay(20);
  }
  await delay(1_000); // one event too many would arrive now, and the outbox is emptied after the confirm
}

/** Every task ended once, in success, at its first attempt, with one event each, and nothing is left to be sent. */
async function verify({ databaseUrl }: Bench, events: EventCounter, tasks: number): Promise<void> {
  const [row] = await query<Record<string, number>>(
    databaseUrl,
    `select count(*)::int as tasks,
            count(*) filter (where status = 'succeeded' and attempt = 1 and crashes = 0)::int as succeeded,
            bit_xor(('x' || right(id::text, 8))::bit(32)::int) as checksum,
            (select count(*)::int from kernel.outbox) as outbox,
            (select count(*)::int from kernel.parked_message) as parked
     from tasks.task`,
  );
  const { count, checksum } = events;
  const expected = JSON.stringify({ tasks, succeeded: tasks, checksum, outbox: 0, parked: 0 });
  const found = JSON.stringify(row);
  if (found !== expected || count !== tasks)
    throw new Error(`Expected ${expected}, found ${found} and ${count} events`);
  console.log(
    `  verified: ${tasks.toLocaleString('en')} tasks succeeded once, the outbox is empty`,
  );
}

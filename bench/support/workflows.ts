import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { query } from '../../scripts/services/postgres.ts';
import type { Bench, Result } from './bench.ts';
import { EventCounter } from './events.ts';
import { rounded } from './percentiles.ts';
import type { Program } from './program.ts';
import { connectTo, numberSetting, setting } from './services.ts';
import { SteadyWindow } from './steady-window.ts';

const DRAIN_TIMEOUT_MS = 60_000;

interface Chain {
  readonly key: string;
  /** Nodes behind the start, one after the other. */
  readonly nodes: readonly object[];
  /** Commands that an instance takes from its start to its end. */
  readonly decisions: number;
}

/**
 * Instances of a chain started through the mediator, moved to their end, and their event received, for long, beside
 * `BENCH_PARKED` instances that wait for a message all the while.
 */
export async function measureWorkflow(bench: Bench, chain: Chain): Promise<Result> {
  const progress = new EventEmitter<{ finished: [count: number] }>();
  const events = await EventCounter.subscribe(
    bench.amqpUrl,
    'workflows.instance-completed.v1',
    (finished) => progress.emit('finished', finished),
  );
  try {
    const program = await bench.start({
      name: 'all-roles',
      roles: 'api,worker,relay,scheduler',
      file: join(import.meta.dirname, 'workflows-program.ts'),
      ordered: true,
    });
    progress.on('finished', (finished) => program.credit({ finished }));
    await publish(program, chain.key, chain.nodes);
    await park(bench, program, Number(setting('BENCH_PARKED') ?? 0));
    return await measure(bench, chain, { program, events });
  } finally {
    await events.close();
  }
}

async function measure(
  bench: Bench,
  chain: Chain,
  { program, events }: { program: Program; events: EventCounter },
): Promise<Result> {
  const until = setting('BENCH_TASKS')
    ? { tasks: numberSetting('BENCH_TASKS', 1) }
    : { seconds: numberSetting('BENCH_SECONDS', 30) };
  const steady = new SteadyWindow(bench, events, until);
  const window = numberSetting('BENCH_WINDOW', 2_000);
  const started = await program.ask({
    do: 'start',
    workflow: chain.key,
    concurrency: numberSetting('BENCH_CONCURRENCY', 512),
    until,
    window,
  });
  const { finished, seconds } = steady.end();
  await drained(events, started.tasks);
  await verify(bench, chain, { started: started.tasks, events });
  return {
    value: rounded(finished / seconds),
    unit: 'instances/s',
    items: finished,
    figures: {
      instances: started.tasks,
      parked: Number(setting('BENCH_PARKED') ?? 0),
      seconds: rounded(started.seconds, 1),
      'measured seconds': rounded(seconds, 1),
      'µs each': rounded((seconds * 1e6) / finished, 1),
      'unfinished at most': window,
    },
  };
}

async function publish(program: Program, key: string, nodes: readonly object[]): Promise<void> {
  const all = [{ id: 'start', type: 'start' }, ...nodes] as { id: string }[];
  const flows = all.slice(1).map((node, i) => ({ from: all[i]?.id, to: node.id }));
  await send(program, 'PUT', `workflows/${key}/draft`, { key, nodes: all, flows });
  await send(program, 'POST', `workflows/${key}/draft/publish`);
}

async function send(
  program: Program,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await fetch(`${program.url}/${path}`, {
    method,
    ...(body && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  return answer.json();
}

/** One instance is started, and copied: what it waits for and its history, too. */
async function park({ databaseUrl }: Bench, program: Program, count: number): Promise<void> {
  if (count === 0) return;
  const message = { name: 'never', key: '=instance.id' };
  await publish(program, 'parked', [{ id: 'wait', type: 'wait', message, final: true }]);
  await send(program, 'POST', 'workflow-instances', { workflow: 'parked' });
  const database = await connectTo(databaseUrl);
  try {
    for (const statement of [
      `create temporary table copy as select id as original, gen_random_uuid() as copy
       from workflows.instance cross join generate_series(2, ${count}) where key = 'parked'`,
      `insert into workflows.instance
       select (jsonb_populate_record(i, jsonb_build_object('id', copy))).* from copy
       join workflows.instance i on i.id = original`,
      `insert into workflows.subscription
       select copy, token, slot, kind, name, copy::text from copy
       join workflows.subscription on instance_id = original`,
      `insert into workflows.history
       select copy, seq, at, command, events from copy join workflows.history on instance_id = original`,
      `vacuum analyze workflows.instance, workflows.subscription, workflows.history`,
    ])
      await database.query(statement);
  } finally {
    await database.end();
  }
}

async function drained(events: EventCounter, count: number): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  while (events.count < count) {
    if (performance.now() > deadline)
      throw new Error(`${count - events.count} of ${count} instances have not told of their end`);
    await delay(20);
  }
  await delay(1_000); // one event too many would arrive now, and the outbox is emptied after the confirm
}

/** Every instance ended once, with one event each and one row of history per decision, and nothing is left behind. */
async function verify(
  { databaseUrl }: Bench,
  { key, decisions }: Chain,
  { started, events }: { started: number; events: EventCounter },
): Promise<void> {
  const [row] = await query<Record<string, number>>(
    databaseUrl,
    `select count(*)::int as instances,
            count(*) filter (where status = 'completed' and incidents = 0 and seq = ${decisions})::int as completed,
            bit_xor(('x' || right(id::text, 8))::bit(32)::int) as checksum,
            (select count(*)::int from workflows.history h join workflows.instance i on i.id = h.instance_id
             where i.key = '${key}') as decisions,
            (select count(*)::int from workflows.instance where jobs is not null) as jobs,
            (select count(*)::int from kernel.outbox) as outbox
     from workflows.instance where key = '${key}'`,
  );
  const expected = JSON.stringify({
    instances: started,
    completed: started,
    checksum: events.checksum,
    decisions: started * decisions,
    jobs: 0,
    outbox: 0,
  });
  const found = JSON.stringify(row);
  if (found !== expected || events.count !== started)
    throw new Error(`Expected ${expected}, found ${found} and ${events.count} events`);
  console.log(
    `  verified: ${started.toLocaleString('en')} instances ended once, the outbox is empty`,
  );
}

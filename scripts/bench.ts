/**
 * `make bench`: every benchmark on real, durable services, which it gets itself and stops again. `make bench
 * BENCH=tasks-live` runs one, `BENCH="relay tasks-live:split"` several. docs/benchmarks.md tells what each one measures.
 * BENCH_DATABASE_URL and BENCH_AMQP_URL (with BENCH_AMQP_MANAGEMENT_URL) name services that are there already.
 */
import { join } from 'node:path';
import { execa } from 'execa';
import { projectFolder } from './services/folders.ts';
import { startPostgres } from './services/postgres.ts';
import { startRabbitMq } from './services/rabbitmq.ts';
import type { Service } from './services/service.ts';
import { build } from './stand/build.ts';

/** The part after the colon is a variant of the benchmark before it. */
const BENCHES = {
  machine:
    'what the machine does at the moment: a quorum queue filled and emptied by nothing but a client',
  'tasks-http': 'POST /tasks one by one at 128 connections, role api alone',
  'tasks-http:all-roles': 'the same while one process does everything, runs included',
  'tasks-http:generator': 'what the load generator does against an empty route',
  'tasks-live': 'created, queued, run, succeeded and its event received, in one process',
  'tasks-live:split': 'the same with creator, worker and relay in processes of their own',
  'tasks-latency': 'from the creation to the start of the run at 1,000 tasks a second',
  'tasks-latency:split': 'the same with creator, worker and relay in processes of their own',
  messages: 'a full queue through decode, route, validation, inbox and transaction, one by one',
  'messages:batch': 'the same with a batch handler',
  'messages:latency': 'from appending a message to its handler at 100 messages a second',
  relay: 'a full outbox, published, confirmed and deleted',
  'relay:snapshot': 'the same while a reader holds a snapshot for two minutes',
  'relay-order': 'four relays publish the messages of 1,000 keys, each key in its order',
  'tasks-list': 'GET /tasks?status= among a million finished tasks',
  bets: 'POST /bet with ledger and idempotency keys at 64 connections, 1,000 users on 20 events, role api alone',
  'bets:all-roles': 'the same while one process does everything',
  'bets:one-event': 'the same with all bets on one event',
  settlement: 'from the result of an event to the last of its 100,000 bets settled',
  'settlement:million': 'the same with a million bets',
  updates: 'from a change of an event to the streams of 10,000 users who have bet on it',
  'tasks-priority': 'the start of an urgent task while 100,000 others are queued',
  providers: 'more than the free quota from four processes',
  'providers:kills': 'the same with short blocks, and two of the processes killed',
  'providers:windows': 'five times the quota of aligned windows, on Redis',
  'providers:budget': 'more than the quota and the budget can take',
  'providers:throughput': 'messages through one process to the free simulator',
  'workflows-inline': 'instances of one inline step, started and completed, its event received',
  'workflows-jobs':
    'the same with three steps that are tasks; BENCH_PARKED instances wait beside them',
  'workflows-people': 'the repair of machines: signals and what people complete',
  'workflows-people:latency': 'from a signal to its user task at 1,000 signals a second',
  'workflows-parked': 'workflows-inline beside 0, 100,000 and 250,000 instances that wait',
  'workflows-parked:jobs': 'workflows-jobs beside them',
  'workflows-definitions': 'the start of a program that finds 100,000 published definitions',
  'workflows-timers': '50,000 timers that are due in the same second',
  'workflows-scale': 'a loop of 100,000 turns with waits, a thousand calls at once, calls 50 deep',
} as const;

/** Commits wait for the disk; the rest is what docker-compose.yml gives a server. */
const POSTGRES_SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '512MB',
  ...(process.env['BENCH_PROFILE'] && { shared_preload_libraries: 'pg_stat_statements' }),
};

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.abort());
}

async function main(): Promise<number> {
  const names = wanted();
  const unknown = names.filter((name) => !(name in BENCHES));
  if (unknown.length > 0) {
    console.error(`There is no benchmark ${unknown.join(', ')}. There are:\n${catalogue()}`);
    return 2;
  }
  await build();
  const services = await obtainServices();
  let failures = 0;
  try {
    for (const name of names) {
      if (interrupted.signal.aborted) return 130;
      failures += (await run(name, services.env)) ? 0 : 1;
    }
  } finally {
    await services.stop();
  }
  if (interrupted.signal.aborted) return 130;
  return failures === 0 ? 0 : 1;
}

function wanted(): string[] {
  const given = [process.env['BENCH'] ?? '', ...process.argv.slice(2)];
  const names = given.flatMap((text) => text.split(/[\s,]+/)).filter(Boolean);
  return names.length > 0 ? names : Object.keys(BENCHES);
}

function catalogue(): string {
  return Object.entries(BENCHES)
    .map(([name, about]) => `  ${name.padEnd(22)} ${about}`)
    .join('\n');
}

async function run(name: string, env: Record<string, string>): Promise<boolean> {
  const [file = '', variant = ''] = name.split(':');
  const about = Object.entries(BENCHES).find(([known]) => known === name)?.[1] ?? '';
  console.log(`\n── ${name}: ${about}`);
  const program = join(projectFolder, 'bench', `${file}.ts`);
  const bench = await execa(process.execPath, [program, variant], {
    cwd: projectFolder,
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
    env: { ...env, BENCH_NAME: name },
    cancelSignal: interrupted.signal,
    forceKillAfterDelay: 20_000,
    reject: false,
  });
  return bench.exitCode === 0;
}

async function obtainServices(): Promise<{
  env: Record<string, string>;
  stop: () => Promise<void>;
}> {
  const started: Service[] = [];
  const stop = async () => {
    await Promise.all(started.splice(0).map((service) => service.dispose()));
  };
  const own = async <S extends Service>(service: Promise<S>): Promise<S> => {
    const running = await service;
    started.push(running);
    return running;
  };
  const env: Record<string, string> = {};
  const results = await Promise.allSettled([
    process.env['BENCH_DATABASE_URL']
      ? undefined
      : own(startPostgres({ settings: POSTGRES_SETTINGS })).then(({ url, pid }) => {
          env['BENCH_DATABASE_URL'] = url;
          if (pid !== undefined) env['BENCH_POSTGRES_PID'] = String(pid);
        }),
    process.env['BENCH_AMQP_URL']
      ? undefined
      : own(startRabbitMq()).then(({ url, managementUrl, pid }) => {
          env['BENCH_AMQP_URL'] = url;
          env['BENCH_AMQP_MANAGEMENT_URL'] = managementUrl;
          if (pid !== undefined) env['BENCH_RABBITMQ_PID'] = String(pid);
        }),
  ]);
  const failed = results.find((result) => result.status === 'rejected');
  if (!failed) return { env, stop };
  await stop();
  throw failed.reason;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

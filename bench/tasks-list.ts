/** GET /tasks?status= at random places among a million finished tasks. */
import type { Client } from 'pg';
import type * as Views from '../src/tasks/task.view.js';
import { run } from './support/bench.ts';
import { compiled } from './support/compiled.ts';
import { httpRequest, loadHttp } from './support/http-load.ts';
import { percentiles, rounded } from './support/percentiles.ts';
import { connectTo, numberSetting } from './support/services.ts';

/** Share of every hundred tasks. */
const STATUSES = { succeeded: 90, failed: 8, cancelled: 2 };
const LIMIT = 50;
const PLACES = 2_000;
const WARM_UP_SECONDS = 2;
/** Milliseconds. */
const TARGET = 10;

await run(async (bench) => {
  const tasks = numberSetting('BENCH_TASKS', 1_000_000);
  const seconds = numberSetting('BENCH_SECONDS', 15);
  const connections = numberSetting('BENCH_CONNECTIONS', 4);
  const database = await connectTo(bench.databaseUrl);
  try {
    await insertTasks(database, tasks);
    const api = await bench.start({ name: 'api', roles: 'api' });
    const paths = await places(database);
    const requests = paths.map((path) => httpRequest('GET', `${api.url}${path}`));
    const next = () => requests[Math.floor(Math.random() * requests.length)] ?? Buffer.alloc(0);
    const load = { url: api.url, connections, status: 200, next };
    await loadHttp({ ...load, seconds: WARM_UP_SECONDS });
    bench.startClock();
    const result = await loadHttp({ ...load, seconds });
    bench.stopClock();
    const alone = percentiles(await oneByOne(api.url, paths));
    if (result.p99 > TARGET) await explain(database, paths);
    return {
      value: result.p99,
      unit: 'ms per page, p99',
      items: result.answers,
      figures: {
        p50: result.p50,
        p99: result.p99,
        max: result.max,
        p50_alone: alone.p50,
        p99_alone: alone.p99,
        connections,
        'pages/s': rounded(result.answers / result.seconds),
        'tasks per page': LIMIT,
        tasks,
      },
    };
  } finally {
    await database.end();
  }
});

/** One task a millisecond up to now, with ids as the program makes them: their time first. */
async function insertTasks(database: Client, tasks: number): Promise<void> {
  await database.query(
    `insert into tasks.task (id, kind, queue, status, priority, external, attempt, max_attempts, timeout_ms, backoff,
       payload, progress, result, error, run_at, created_at, updated_at, started_at, finished_at, correlation_id, traceparent)
     select (left(time, 8) || '-' || right(time, 4) || '-7' || substr(noise, 1, 3) || '-8' || substr(noise, 4, 3) || '-' ||
             substr(noise, 7, 12))::uuid,
            'noop', 'default', status, 0, false, 1, 3, 300000,
            '{"kind":"exponential","delay_ms":1000,"max_ms":300000,"jitter":true}', '{"text":"a task of the benchmark"}',
            100, case when status = 'succeeded' then 'null'::json end,
            case when status <> 'succeeded' then '{"code":"bench","message":"inserted so","reason":"exhausted"}'::json end,
            at, at, at, at, at, noise, '00-' || noise || '-b7ad6b7169203331-01'
     from (select at, lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0') as time, md5(n::text) as noise,
                  case when n % 100 < $2 then 'succeeded' when n % 100 < $3 then 'failed' else 'cancelled' end as status
           from (select n, now() - make_interval(secs => ($1 - n) / 1000.0) as at
                 from generate_series(1, $1::int) as n) as moment) as made`,
    [tasks, STATUSES.succeeded, STATUSES.succeeded + STATUSES.failed],
  );
  await database.query('vacuum analyze tasks.task'); // autovacuum would come within its naptime
}

/** Every status as often as it occurs, from its first page on and from random places. */
async function places(database: Client): Promise<string[]> {
  const { rows } = await database.query<{ id: string; status: string }>(
    'select id, status from tasks.task order by random() limit $1',
    [PLACES],
  );
  return rows.map(({ id, status }, index) => {
    const page = `/tasks?status=${status}&limit=${LIMIT}`;
    return index % 10 === 0 ? page : `${page}&cursor=${cursorOf(id)}`;
  });
}

function cursorOf(id: string): string {
  return Buffer.from(JSON.stringify(id)).toString('base64url');
}

/** Without any company: what one caller sees of an idle server. */
async function oneByOne(url: string, paths: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  for (const path of paths.slice(0, 500)) {
    const since = performance.now();
    const answer = await fetch(url + path);
    const { items } = (await answer.json()) as { items: unknown[] };
    if (items.length === 0) throw new Error(`${path} lists nothing`);
    times.push(performance.now() - since);
  }
  return times;
}

async function explain(database: Client, paths: readonly string[]): Promise<void> {
  const { VIEW_COLUMNS } = await compiled<typeof Views>('tasks/task.view.js');
  const { searchParams } = new URL(paths.at(-1) ?? '', 'http://localhost');
  const id = JSON.parse(
    Buffer.from(searchParams.get('cursor') ?? '', 'base64url').toString(),
  ) as string;
  const { rows } = await database.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, buffers) select ${VIEW_COLUMNS} from tasks.task
     where true and status = $1 and id < $2 order by id desc limit $3`,
    [searchParams.get('status'), id, LIMIT + 1],
  );
  console.log(rows.map((row) => `    ${row['QUERY PLAN']}`).join('\n'));
}

/** POST /tasks one by one at 128 connections; what counts is the tasks that are in Postgres afterwards. */
import { join } from 'node:path';
import { type Bench, type Result, run, variant } from './support/bench.ts';
import { httpRequest, loadHttp } from './support/http-load.ts';
import { rounded } from './support/percentiles.ts';
import type { Program } from './support/program.ts';
import { connectTo, numberSetting } from './support/services.ts';

const BODY = JSON.stringify({ payload: 'bench', kind: 'noop' });
const WARM_UP_SECONDS = 3;

await run(async (bench) => {
  const server = await startServer(bench);
  const request = httpRequest('POST', `${server.url}/tasks`, BODY);
  const load = {
    url: server.url,
    connections: numberSetting('BENCH_CONNECTIONS', 128),
    status: 201,
    next: () => request,
  };
  const seconds = numberSetting('BENCH_SECONDS', 20);
  await loadHttp({ ...load, seconds: Math.min(WARM_UP_SECONDS, seconds) });
  const before = await tasksIn(bench);
  bench.startClock();
  const result = await loadHttp({ ...load, seconds });
  bench.stopClock();
  const created = variant === 'generator' ? result.answers : (await tasksIn(bench)) - before;
  return resultOf(created, result, load.connections);
});

function startServer(bench: Bench): Promise<Program> {
  if (variant === 'generator')
    return bench.start({
      name: 'empty-server',
      roles: 'api',
      file: join(import.meta.dirname, 'support/empty-server.ts'),
    });
  if (variant === 'all-roles')
    return bench.start({ name: 'all-roles', roles: 'api,worker,relay,scheduler' });
  return bench.start({ name: 'api', roles: 'api' });
}

function resultOf(
  created: number,
  { answers, seconds, p50, p99, max }: Awaited<ReturnType<typeof loadHttp>>,
  connections: number,
): Result {
  return {
    value: rounded(created / seconds),
    items: created,
    unit: variant === 'generator' ? 'requests/s' : 'created/s',
    figures: {
      created,
      answers,
      seconds: rounded(seconds, 1),
      connections,
      p50_ms: p50,
      p99_ms: p99,
      max_ms: max,
    },
  };
}

async function tasksIn({ databaseUrl }: Bench): Promise<number> {
  const database = await connectTo(databaseUrl);
  try {
    const { rows } = await database.query<{ count: number }>(
      'select count(*)::int as count from tasks.task',
    );
    return rows[0]?.count ?? 0;
  } finally {
    await database.end();
  }
}

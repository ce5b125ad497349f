/** 50,000 instances whose timers are all due in the same second. */
import { query } from '../scripts/services/postgres.ts';
import { type Bench, run } from './support/bench.ts';
import { rounded } from './support/percentiles.ts';
import { numberSetting } from './support/services.ts';
import { until } from './support/until.ts';
import { publishChain, send, startWorkflows } from './support/workflow-stand.ts';

const PER_REQUEST = 1_000;
const REQUESTS_AT_ONCE = 4;
/** In which they are to be started, and what they have left is to be done. */
const AHEAD_MS = 30_000;
const WORKFLOW = 'timers';

await run(async (bench) => {
  const timers = numberSetting('BENCH_TASKS', 50_000);
  const program = await startWorkflows(bench);
  await publishChain(program, WORKFLOW, [{ id: 'until', type: 'wait', timer: '=at', final: true }]);
  const due = Date.now() + AHEAD_MS;
  const requests = Array.from({ length: timers }, (_, i) => {
    const at = new Date(due + (i % 1_000)).toISOString();
    return { workflow: WORKFLOW, variables: { at } };
  });
  const lane = async (): Promise<void> => {
    while (requests.length > 0)
      await send(program, 'POST', 'workflow-instances', requests.splice(0, PER_REQUEST));
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, lane));
  const ahead = due - Date.now();
  if (ahead < 0) throw new Error('The timers were due before all of them were set');

  await until(() => Promise.resolve(Date.now() >= due), 10);
  bench.startClock();
  await until(async () => (await stateOf(bench)).running === 0, 500);
  bench.stopClock();
  const { once, early, last } = await stateOf(bench);
  if (once !== timers || early > 0)
    throw new Error(`${once} of ${timers} timers fired once, ${early} too early`);
  const seconds = last - due / 1_000;
  return {
    value: rounded(seconds, 1),
    unit: 's from the first due timer to the end of the last instance',
    items: timers,
    figures: {
      timers,
      'timers/s': rounded(timers / seconds),
      'set ahead, s': rounded(ahead / 1_000, 1),
    },
  };
});

async function stateOf({ databaseUrl }: Bench) {
  const [row] = await query<{ running: number; once: number; early: number; last: number }>(
    databaseUrl,
    `select count(*) filter (where status = 'running')::int as running,
            count(*) filter (where status = 'completed' and seq = 2)::int as once,
            count(*) filter (where ended_at < (state->'variables'->>'at')::timestamptz)::int as early,
            extract(epoch from max(ended_at))::float8 as last
     from workflows.instance where key = '${WORKFLOW}'`,
  );
  if (!row) throw new Error('There are no instances');
  return row;
}

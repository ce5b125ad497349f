/**
 * Messages from several processes to a free provider that really blocks and to a paid one, after a scenario; what was paid
 * is compared with the least that could have been, found by the limits of the simulator from the times of arrival.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { query } from '../scripts/services/postgres.ts';
import { startRedis } from '../scripts/services/redis.ts';
import type * as Limiters from '../src/simulators/engine/limiter.js';
import { type Bench, type Result, run, variant } from './support/bench.ts';
import { compiled } from './support/compiled.ts';
import { boundOf, bucketsOf } from './support/histogram.ts';
import { rounded } from './support/percentiles.ts';
import type { Program } from './support/program.ts';
import { readScenario, type Scenario } from './support/scenario.ts';
import { Sender } from './support/sender.ts';
import { setting } from './support/services.ts';
import { Simulators } from './support/simulators.ts';
import { until } from './support/until.ts';

const DRAIN_TIMEOUT_MS = 60_000;
const { Limiter } = await compiled<typeof Limiters>('simulators/engine/limiter.js');

await run(async (bench) => {
  const scenario = readScenario(variant, setting('BENCH_SCENARIO'));
  console.log(`  ${scenario.about}`);
  const redis = scenario.store === 'redis' ? await startRedis() : undefined;
  try {
    const simulators = await Simulators.start(bench, scenario);
    const env = { ...simulators.settings(scenario), ...(redis ? { REDIS_URL: redis.url } : {}) };
    const programs = await startPrograms(bench, scenario, env);
    return await measure(bench, { scenario, simulators, programs });
  } finally {
    await redis?.dispose();
  }
});

function startPrograms(bench: Bench, { processes }: Scenario, env: Record<string, string>) {
  const roles = 'api,worker,relay,scheduler';
  return Promise.all(
    Array.from({ length: processes }, (_, index) =>
      bench.start({ name: `process-${index + 1}`, roles, env }),
    ),
  );
}

interface Run {
  readonly scenario: Scenario;
  readonly simulators: Simulators;
  readonly programs: readonly Program[];
}

async function measure(bench: Bench, { scenario, simulators, programs }: Run): Promise<Result> {
  const sender = await Sender.logIn(scenario, programs, bench.databaseUrl);
  await opened(programs);
  bench.startClock();
  const since = performance.now();
  const killing = kill(bench, programs, scenario);
  await sender.run(() => openMessages(bench));
  await killing;
  await drained(bench);
  const seconds = (performance.now() - since) / 1_000;
  bench.stopClock();
  const { free, paid } = await simulators.statistics();
  const states = await statesOf(bench);
  const { optimum, freePossible } = await offline(bench, scenario);
  const decisions = await bucketsOf(
    bench.programs.filter(({ name }) => name !== 'simulators').map(({ url }) => url),
    'quota_decision_seconds',
  );
  const firstCalls = free.epochs.flatMap((epoch) => epoch.first_call_after_ms ?? []);
  const excess = Math.max(0, paid.accepted - optimum);
  const succeeded = states['succeeded'] ?? 0;
  check(scenario, { refused: free.refused, paid: paid.accepted });
  return {
    value: rounded(succeeded / Math.min(seconds, scenario.seconds)),
    unit: 'messages/s',
    items: succeeded,
    figures: {
      messages: sender.sent,
      'refused at the door': sender.refused,
      ...Object.fromEntries(Object.entries(states).map(([state, count]) => [`${state}`, count])),
      'sent free': free.accepted,
      'sent paid': paid.accepted,
      'refused by the free provider': free.refused,
      optimum,
      excess,
      'excess in % of the optimum': optimum > 0 ? rounded((100 * excess) / optimum, 2) : 0,
      'free lost': Math.max(0, freePossible - free.accepted),
      'first free call after a reset, ms': firstCalls.length > 0 ? Math.max(...firstCalls) : 'none',
      'decision p50, ms at most': 1_000 * boundOf(decisions, 0.5),
      'decision p99, ms at most': 1_000 * boundOf(decisions, 0.99),
      seconds: rounded(seconds, 1),
    },
  };
}

/** The very first use of a quota takes two seconds, which are nobody's loss. */
async function opened([first]: readonly Program[]): Promise<void> {
  await until(async () => {
    const answer = await fetch(`${first?.url ?? ''}/providers`);
    const { items } = (await answer.json()) as { items: { id: string; state: string }[] };
    return items.some(({ id, state }) => id === 'free' && state === 'open');
  }, 50);
}

/** What must hold whatever the machine is like. */
function check({ paid }: Scenario, found: { refused: number; paid: number }): void {
  if (found.refused > 0) throw new Error(`The free provider refused ${found.refused} calls`);
  const spent = found.paid * paid.price_micros;
  if (paid.budget_micros !== null && spent > paid.budget_micros)
    throw new Error(`Spent ${spent} of ${paid.budget_micros} micros`);
}

async function kill(
  bench: Bench,
  programs: readonly Program[],
  { kills_at_seconds: times }: Scenario,
) {
  const since = performance.now();
  const victims = programs.slice(1); // somebody has to be left
  for (const at of times) {
    await delay(Math.max(0, at * 1_000 - (performance.now() - since)));
    const [victim] = victims.splice(Math.floor(Math.random() * victims.length), 1);
    if (!victim) continue;
    await victim.kill();
    bench.programs.splice(bench.programs.indexOf(victim), 1);
  }
}

async function openMessages({ databaseUrl }: Bench): Promise<number> {
  const [row] = await query<{ count: number }>(
    databaseUrl,
    `select (select count(*) from providers.message where state = 'queued')::int
       + (select count(*) from providers.message where state = 'waiting')::int
       + (select count(*) from providers.message where state = 'sending')::int as count`,
  );
  return row?.count ?? 0;
}

/** Those of a killed process end after its lease. */
async function drained(bench: Bench): Promise<void> {
  const deadline = performance.now() + DRAIN_TIMEOUT_MS;
  for (let open = await openMessages(bench); open > 0; open = await openMessages(bench)) {
    if (performance.now() > deadline) throw new Error(`${open} messages have not ended`);
    await delay(50);
  }
}

async function statesOf({ databaseUrl }: Bench): Promise<Record<string, number>> {
  const rows = await query<{ state: string; count: number }>(
    databaseUrl,
    `select state, count(*)::int as count from providers.message group by state order by state`,
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

/** "Send free whenever allowed", by whoever knew when each message would arrive and needed no time for anything. */
async function offline(bench: Bench, { free, paying }: Scenario) {
  const rows = await query<{ at: number }>(
    bench.databaseUrl,
    `select extract(epoch from created_at)::float * 1000 as at from providers.message
     where state = 'succeeded' order by created_at`,
  );
  const { model, limit, period_ms: periodMs } = free;
  const limiter = new Limiter({ model, limit, periodMs, restartsBlock: false });
  const freePossible = rows.filter(({ at }) => limiter.take(at).accepted).length;
  return { freePossible, optimum: paying ? rows.length - freePossible : 0 };
}

/** One event with 100,000 (or a million) winning bets of 10,000 (or 100,000) users, from its result to the last bet settled. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import {
  auditLedger,
  insertBets,
  LineFeed,
  offerEvents,
  openWallets,
  startBetMaker,
} from './support/betting.ts';
import { run, variant } from './support/bench.ts';
import { rounded } from './support/percentiles.ts';
import { connectTo, numberSetting } from './support/services.ts';

const TIMEOUT_MS = 300_000;
const EVENT = 'bench-1';

await run(async (bench) => {
  const bets = numberSetting('BENCH_BETS', variant === 'million' ? 1_000_000 : 100_000);
  const users = Math.max(1, Math.round(bets / 10));
  const database = await connectTo(bench.databaseUrl);
  const feed = await LineFeed.open(bench.amqpUrl);
  try {
    await openWallets(database, users);
    await offerEvents(database, [EVENT]);
    await insertBets(database, { eventId: EVENT, bets, users });
    await startBetMaker(bench, 'worker,relay,scheduler');
    bench.startClock();
    const since = performance.now();
    await feed.won(EVENT, 2);
    await untilDone(database);
    const seconds = (performance.now() - since) / 1_000;
    bench.stopClock();
    await verify(database, bets);
    await auditLedger(database);
    return {
      value: rounded(seconds, 1),
      unit: 's',
      items: bets,
      figures: { bets, users, 'bets/s': rounded(bets / seconds) },
    };
  } finally {
    await feed.close();
    await database.end();
  }
});

async function untilDone(database: Client): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (performance.now() < deadline) {
    const { rows } = await database.query(`select from bet_maker.settlement where state = 'done'`);
    if (rows.length > 0) return;
    await delay(20);
  }
  throw new Error('The bets are not settled in time');
}

async function verify(database: Client, bets: number): Promise<void> {
  const { rows } = await database.query<Record<string, number>>(
    `select count(*) filter (where status = 'won' and settlement = 1 and payout = 2000)::int as won,
            (select count(*)::int from bet_maker.notification) as told,
            (select count(*)::int from bet_maker.transfer where reason in ('post', 'payout')) as transfers
     from bet_maker.bet`,
  );
  const found = JSON.stringify(rows[0]);
  const expected = JSON.stringify({ won: bets, told: bets, transfers: 2 * bets });
  if (found !== expected) throw new Error(`Expected ${expected}, found ${found}`);
}

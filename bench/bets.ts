/** POST /bet with an Idempotency-Key each, by 1,000 users on 20 events at 64 connections; what counts are the bets in Postgres. */
import { randomUUID } from 'node:crypto';
import { auditLedger, offerEvents, openWallets, startBetMaker } from './support/betting.ts';
import { run, variant } from './support/bench.ts';
import { httpRequest, loadHttp } from './support/http-load.ts';
import { rounded } from './support/percentiles.ts';
import { connectTo, numberSetting } from './support/services.ts';

const USERS = 1_000;
const EVENTS = variant === 'one-event' ? 1 : 20;
const WARM_UP_SECONDS = 3;

await run(async (bench) => {
  const database = await connectTo(bench.databaseUrl);
  try {
    const ids = Array.from({ length: EVENTS }, (_, index) => `bench-${index}`);
    await openWallets(database, USERS);
    await offerEvents(database, ids);
    const roles = variant === 'all-roles' ? 'api,worker,relay,scheduler' : 'api';
    const { url } = await startBetMaker(bench, roles);
    let asked = 0;
    const next = (): Buffer => {
      asked += 1;
      const body = JSON.stringify({ event_id: ids[asked % EVENTS], sum_bet: '10.00', odds: '2' });
      const headers = {
        authorization: `Bearer user-${1 + (asked % USERS)}`,
        'idempotency-key': randomUUID(),
      };
      return httpRequest('POST', `${url}/bet`, body, headers);
    };
    const connections = numberSetting('BENCH_CONNECTIONS', 64);
    const load = { url, connections, status: 201, next };
    const seconds = numberSetting('BENCH_SECONDS', 15);
    await loadHttp({ ...load, seconds: Math.min(WARM_UP_SECONDS, seconds) });
    const count = async (): Promise<number> => {
      const { rows } = await database.query<{ bets: number }>(
        'select count(*)::int as bets from bet_maker.bet',
      );
      return rows[0]?.bets ?? 0;
    };
    const before = await count();
    bench.startClock();
    const { answers, p50, p99, max, seconds: took } = await loadHttp({ ...load, seconds });
    bench.stopClock();
    const placed = (await count()) - before;
    if (placed !== answers) throw new Error(`${answers} answers, but ${placed} bets`);
    await auditLedger(database);
    return {
      value: rounded(placed / took),
      unit: 'bets/s',
      items: placed,
      figures: { placed, connections, events: EVENTS, p50_ms: p50, p99_ms: p99, max_ms: max },
    };
  } finally {
    await database.end();
  }
});

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { PostgresBroker } from '../../src/kernel/messaging/postgres/postgres-broker.js';
import { ledgerProblems } from '../support/ledger.js';
import { PlayedLine } from '../support/played-line.js';
import { type Lease, testDatabase } from '../support/services.js';
import { spawnApp, type SpawnedApp } from '../support/spawned-app.js';
import { until } from '../support/until.js';

const EVENTS = 4;
const LANES = 8;
const KILLS = 3;
const silent = { log: () => undefined, warn: () => undefined, error: () => undefined };

describe('money, while the processes of the bet maker are killed', () => {
  let database: Lease;
  let broker: PostgresBroker;
  let pool: pg.Pool;
  let apps: SpawnedApp[];

  beforeEach(async () => {
    database = await testDatabase();
    broker = new PostgresBroker({ databaseUrl: database.url, logger: silent });
    await broker.start();
    pool = new pg.Pool({ connectionString: database.url, max: 4 });
    apps = await Promise.all([spawn(), spawn()]);
  }, 60_000);

  afterEach(async () => {
    await Promise.all(apps.filter((app) => app.isRunning).map((app) => app.kill()));
    await broker.close();
    await pool.end();
    await database.release();
  });

  const spawn = () =>
    spawnApp({ databaseUrl: database.url, env: { MODULES: 'bet-maker', LOG_LEVEL: 'info' } });
  const sql = async (text: string) => (await pool.query<Record<string, unknown>>(text)).rows;
  const count = async (table: string) => {
    const [row] = await sql(`select count(*)::int as count from ${table}`);
    return row?.['count'] as number;
  };

  it('is neither lost nor made: each answered bet stands, and is settled once per settlement', async () => {
    const line = await new PlayedLine(broker).listen();
    await line.beat();
    const ids = Array.from({ length: EVENTS }, (_, index) => `e-${String(index)}`);
    for (const id of ids) await line.change(id);
    await until(async () => (await count('bet_maker.event where status = $$open$$')) === EVENTS);

    let isOver = false;
    const answered = new Set<string>();
    const lane = async (number: number) => {
      for (let round = 0; !isOver; round += 1) {
        const event_id = ids[(number + round) % EVENTS]!;
        const key = randomUUID();
        const id = await persist(key, { event_id, sum_bet: '1.00' }, () => isOver);
        if (id !== undefined) answered.add(id);
      }
    };
    const lanes = Array.from({ length: LANES }, (_, number) => lane(number));
    for (let kills = 1; kills <= KILLS; kills += 1) {
      const goal = (await count('bet_maker.bet')) + 150;
      await until(async () => (await count('bet_maker.bet')) > goal, { withinMs: 30_000 });
      await restart(kills % 2);
    }
    for (const id of ids.slice(1)) await line.result(id, 'won');
    await restart(0);
    for (const id of ids.slice(2)) await line.result(id, 'lost');
    await restart(1);
    await line.result(ids[0]!, 'won');
    isOver = true;
    await Promise.all(lanes);

    const unsettled = `bet_maker.bet left join bet_maker.event using (event_id)
      where event.settlement is null or bet.settlement < event.settlement`;
    await until(
      async () => {
        await line.beat();
        return (
          (await count(unsettled)) === 0 &&
          (await count(`bet_maker.settlement where state = 'running'`)) === 0
        );
      },
      { withinMs: 40_000, what: 'every bet settled' },
    );
    await line.stop();
    expect(await ledgerProblems(sql)).toEqual([]);
    const kept = new Set(
      (await sql('select bet_id from bet_maker.bet')).map((row) => row['bet_id']),
    );
    expect([...answered].filter((id) => !kept.has(id))).toEqual([]);
    expect(answered.size).toBeGreaterThan(KILLS * 100);
  }, 120_000);

  /** The same request until it is answered, whichever process lives; undefined once it is refused for good. */
  async function persist(key: string, body: object, isOver: () => boolean) {
    for (let attempt = 0; !isOver(); attempt += 1) {
      try {
        const { http } = apps[attempt % apps.length]!;
        const answer = await http.post<{ bet_id: string }>('/bet', body, {
          'idempotency-key': key,
        });
        if (answer.status === 201) return answer.body.bet_id;
        if (answer.status === 409) return undefined;
      } catch (error) {
        // Nobody listens at that port any more: the other process, or the next, will answer.
        if ((error as Error).name !== 'TypeError') throw error; // fetch's, of another realm than ours
      }
    }
    return undefined;
  }

  async function restart(index: number): Promise<void> {
    await apps[index]!.kill();
    apps[index] = await spawn();
  }
});

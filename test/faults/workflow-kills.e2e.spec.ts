import pg from 'pg';
import type { CrashPoint } from '../../src/kernel/crash-points.js';
import type { WorkflowEvent } from '../../src/workflows/engine/events.js';
import { evolve } from '../../src/workflows/engine/evolve.js';
import { newInstance, type StoredState, storeState } from '../../src/workflows/engine/state.js';
import { type Lease, testDatabase, testVhost } from '../support/services.js';
import { spawnApp, type SpawnedApp } from '../support/spawned-app.js';
import { until } from '../support/until.js';

/** A few transactions after the start of each process, in the middle of what the one before it has left. */
const STEPS: readonly `${CrashPoint}:${number}`[] = [
  'outbox.before-commit:7',
  'consumer.after-commit:15',
];
const PER_PROCESS = 20;
const SETTLED_MS = 20_000;

const noop = (id: string, more: object = {}) => ({ id, type: 'task', kind: 'task:noop', ...more });
/** Two at once, then both, then three of one kind, then one more. */
const DRAFT = {
  key: 'killed',
  nodes: [
    { id: 'start', type: 'start', split: 'all' },
    noop('a'),
    noop('b'),
    noop('many', { join: { mode: 'all' }, each: { count: 3 } }),
    noop('last', { final: true }),
  ],
  flows: [
    { from: 'start', to: 'a' },
    { from: 'start', to: 'b' },
    { from: 'a', to: 'many' },
    { from: 'b', to: 'many' },
    { from: 'many', to: 'last' },
  ],
};
const ORDER = /^start (a b|b a) many many many last$/;

describe('a process of workflows that is ended by kill -9', () => {
  let database: Lease;
  let vhost: Lease;
  let pool: pg.Pool;
  beforeAll(async () => {
    [database, vhost] = await Promise.all([testDatabase(), testVhost()]);
    pool = new pg.Pool({ connectionString: database.url, max: 2 });
    pool.on('error', () => undefined); // an idle connection while its database is dropped
  });
  afterAll(async () => {
    await pool.end();
    await Promise.all([database.release(), vhost.release()]);
  });

  it('at a step in the middle, and at another when it is started again, loses and doubles none', async () => {
    const first = await spawn();
    expect((await first.http.send('PUT', '/workflows/killed/draft', { body: DRAFT })).status).toBe(
      200,
    );
    expect((await first.http.post('/workflows/killed/draft/publish')).body).toMatchObject({
      version: 1,
    });
    await first.kill();
    await leasesEnd();

    const wanted: object[] = [];
    for (const crashAt of STEPS) {
      const app = await spawn(crashAt);
      for (let i = 0; i < PER_PROCESS; i += 1)
        wanted.push({ workflow: 'killed', start_key: String(wanted.length) });
      // Its sender may not hear whether they were started; so it sends them again, to the next process.
      const sending = app.http.post('/workflow-instances', wanted);
      await Promise.allSettled([sending, app.crashed({ withinMs: SETTLED_MS })]);
      expect(app.isRunning).toBe(false);
      await leasesEnd();
    }
    const last = await spawn();
    expect((await last.http.post('/workflow-instances', wanted)).status).toBe(201);
    await until(async () => (await count(`status = 'running'`)) === 0, { withinMs: SETTLED_MS });

    expect(await count(`status = 'completed' and incidents = 0 and jobs is null`)).toBe(
      wanted.length,
    );
    const histories = await eventsByInstance();
    expect(histories.size).toBe(wanted.length);
    for (const { events, state } of histories.values()) {
      expect(stepsOf(events)).toMatch(ORDER);
      expect(JSON.parse(JSON.stringify(storeState(events.reduce(evolve, newInstance()))))).toEqual(
        state,
      );
    }
    const tasks = await rows<{ status: string; count: number }>(
      'select status, count(*)::int as count from tasks.task group by status',
    );
    expect(tasks).toEqual([{ status: 'succeeded', count: 6 * wanted.length }]);
    await last.stop();
  }, 90_000);

  const spawn = (crashAt?: string): Promise<SpawnedApp> =>
    spawnApp({
      databaseUrl: database.url,
      amqpUrl: vhost.url,
      mayCrash: crashAt !== undefined,
      env: crashAt === undefined ? {} : { CRASH_AT: crashAt },
    });

  const rows = async <Row extends object>(sql: string): Promise<Row[]> =>
    (await pool.query<Row>(sql)).rows;

  const count = async (where: string): Promise<number> => {
    const [row] = await rows<{ count: number }>(
      `select count(*)::int as count from workflows.instance where ${where}`,
    );
    return row?.count ?? 0;
  };

  /** What a killed process holds is free at once, as it is by itself a quarter of a minute later. */
  async function leasesEnd(): Promise<void> {
    await pool.query('delete from kernel.relay');
    await pool.query('update kernel.outbox_shard set owner = null, expires_at = null');
    await pool.query('delete from tasks.worker');
  }

  async function eventsByInstance() {
    const found = await rows<{ id: string; state: StoredState; events: WorkflowEvent[] }>(
      `select id, state, events from workflows.instance join workflows.history on instance_id = id order by id, history.seq`,
    );
    const histories = new Map<string, { events: WorkflowEvent[]; state: StoredState }>();
    for (const { id, state, events } of found) {
      const history = histories.get(id) ?? { events: [], state };
      history.events.push(...events);
      histories.set(id, history);
    }
    return histories;
  }
});

const stepsOf = (events: readonly WorkflowEvent[]): string =>
  events
    .flatMap((event) => (event.type === 'node_completed' && !event.whole ? event.node : []))
    .join(' ');

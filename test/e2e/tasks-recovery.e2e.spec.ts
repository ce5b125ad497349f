import { randomUUID } from 'node:crypto';
import { PurgeTasks } from '../../src/tasks/commands/purge-tasks.js';
import { RecoverTasks } from '../../src/tasks/commands/recover-tasks.js';
import { TaskCounts } from '../../src/tasks/queries/task-counts.js';
import { type App, bootApp, BROKERS } from '../support/app.js';
import { manage } from '../support/services.js';
import { gate, tasksOf, untilAborted, Work, WorkModule } from '../support/work.module.js';

/** As if the worker that runs it had died and its lease had ended. */
const loseItsWorker = (app: App, id: string) =>
  app.sql('update tasks.task set lease_owner = $2 where id = $1', [id, randomUUID()]);

describe('a task whose worker is lost', () => {
  let app: App;
  let tasks: ReturnType<typeof tasksOf>;
  let work: Work;
  beforeAll(async () => {
    app = await bootApp({ modules: [WorkModule], shared: true });
    tasks = tasksOf(app);
    work = app.get(Work);
  });
  afterAll(() => app.stop());

  it('runs again without using up an attempt, and the old run can record nothing', async () => {
    const old = gate();
    work.scripts.set('fenced', async ({ attempt }) => {
      if (attempt > 1) return 'new';
      await old.passed;
      return 'old';
    });
    const { id } = await tasks.create('fenced', { max_attempts: 1 });
    await tasks.reached(id, 'in_progress');
    await loseItsWorker(app, id);
    const done = await tasks.reached(id, 'succeeded'); // the reaper finds it within two seconds
    old.open();
    await app.settle();
    expect(await tasks.get(id)).toEqual(done);
    expect(done).toMatchObject({ result: 'new', attempt: 2 });
    expect(done.failures).toMatchObject([{ attempt: 1, code: 'worker-lost' }]);
  });

  it('ignores the old run that ends between the loss and the recovery', async () => {
    const old = gate();
    work.scripts.set('late', ({ attempt }) => (attempt > 1 ? 'new' : old.passed.then(() => 'old')));
    const { id } = await tasks.create('late');
    await tasks.reached(id, 'in_progress');
    await loseItsWorker(app, id);
    old.open();
    expect(await tasks.reached(id, 'succeeded')).toMatchObject({ result: 'new', attempt: 2 });
  });

  it('fails as poison after three crashes', async () => {
    let stopped = 0;
    work.scripts.set('poison', (context) => untilAborted(context).finally(() => (stopped += 1)));
    const { id } = await tasks.create('poison', { max_attempts: 100 });
    for (const attempt of [1, 2, 3]) {
      await app.until(async () => {
        const task = await tasks.get(id);
        return task.status === 'in_progress' && task.attempt === attempt;
      });
      await loseItsWorker(app, id);
      await app.execute(new RecoverTasks(100));
    }
    expect(await tasks.get(id)).toMatchObject({
      status: 'failed',
      attempt: 3,
      error: { code: 'worker-lost', reason: 'poison' },
    });
    expect(work.attemptsAt('poison')).toBe(3);
    // Each run heard that it was lost: none is left to hold a slot or a shutdown.
    await app.until(() => stopped === 3);
  });

  it('is handed back at the end of the grace time of a stop, and runs elsewhere', async () => {
    const env = { SHUTDOWN_GRACE_MS: '100' };
    const api = await bootApp({ modules: [WorkModule], env: { ROLES: 'api,relay,scheduler' } });
    const first = await bootApp({ beside: api, modules: [WorkModule], env });
    first.get(Work).scripts.set('long', untilAborted);
    const { id } = await tasksOf(api).create('long');
    await tasksOf(api).reached(id, 'in_progress');
    await first.stop();
    expect(await tasksOf(api).get(id)).toMatchObject({ status: 'new', attempt: 1, failures: [] });
    await bootApp({ beside: api, modules: [WorkModule], env });
    const done = await tasksOf(api).reached(id, 'succeeded');
    expect(done).toMatchObject({ attempt: 2, failures: [] });
  });

  it('is run after all when the answer to its claim was lost', async () => {
    const { id } = await tasks.create('unanswered', { run_at: '2099-01-01T00:00:00Z' });
    await app.sql(
      `update tasks.task set status = 'in_progress', attempt = 1, started_at = now() - interval '16 seconds',
              run_at = now(), lease_owner = (select id from tasks.worker where expires_at > now() limit 1)
       where id = $1`,
      [id],
    );
    expect(await tasks.reached(id, 'succeeded')).toMatchObject({ attempt: 2, failures: [] });
  });

  it('is forgotten when its retention is over, and no sooner', async () => {
    const ids: string[] = [];
    for (const name of ['old', 'young', 'old but new']) {
      ids.push(
        (await tasks.create(name, name === 'old but new' ? { run_at: '2099-01-01T00:00:00Z' } : {}))
          .id,
      );
    }
    await app.settle();
    // Ids begin with the time of creation, so an old task has an old one.
    await app.sql(
      `update tasks.task set id = ('0190' || substr(id::text, 5))::uuid, created_at = now() - interval '31 days',
              finished_at = case when finished_at is null then null else now() - interval '31 days' end
       where id = any($1)`,
      [[ids[0], ids[2]]],
    );
    expect(await app.execute(new PurgeTasks(30, 100))).toBe(1);
    const left = await app.sql<{ name: string }>(
      `select payload ->> 'name' as name from tasks.task
       where payload ->> 'name' in ('old', 'young', 'old but new') order by name`,
    );
    expect(left.map(({ name }) => name)).toEqual(['old but new', 'young']);
  });

  it('is counted as it is, whatever happened to the tasks', async () => {
    const counted = (await app.get(TaskCounts).perKind()).map((row) => ({ ...row }));
    const real = await app.sql(
      `select kind, status, count(*)::float as count from tasks.task group by kind, status order by kind, status`,
    );
    expect(counted).toEqual(real);
    expect(real.length).toBeGreaterThan(2);
  });
});

describe.each(BROKERS)('tasks whose messages %s lost', (broker) => {
  it('are dispatched again from Postgres', async () => {
    const env = { ROLES: 'api,relay,scheduler' };
    const app = await bootApp({ broker, modules: [WorkModule], env });
    const requests = Array.from({ length: 20 }, (_, n) => ({
      kind: 'work',
      payload: { name: `lost ${String(n)}` },
      priority: n % 10,
    }));
    await app.http.post('/tasks', requests);
    const queues = ['task-runs.default', 'task-runs.default.high'];
    const queued = async () => {
      const depths = await Promise.all(queues.map((queue) => app.broker.depth(queue)));
      return depths.reduce((sum, depth) => sum + depth, 0);
    };
    await app.until(async () => (await queued()) === 4); // ten tasks a queue, eight in a message
    await purge(app, queues);
    expect(await queued()).toBe(0);
    await app.sql(`update tasks.task set run_at = now() - interval '1 minute'`);
    const worker = await bootApp({ beside: app, modules: [WorkModule], env: { ROLES: 'worker' } });
    await app.settle();
    const statuses = await app.sql(
      'select status, attempt, count(*)::int from tasks.task group by 1, 2',
    );
    expect(statuses).toEqual([{ status: 'succeeded', attempt: 1, count: 20 }]);
    expect(worker.get(Work).runs).toHaveLength(20);
  });
});

async function purge(app: App, queues: readonly string[]): Promise<void> {
  if (app.amqpUrl === undefined) {
    await app.sql('delete from broker.job where name = any($1)', [queues]);
    return;
  }
  const vhost = new URL(app.amqpUrl).pathname.slice(1);
  for (const queue of queues) await manage('DELETE', `queues/${vhost}/${queue}/contents`);
}

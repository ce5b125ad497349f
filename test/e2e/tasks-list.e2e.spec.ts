import fc from 'fast-check';
import { PurgeTasks } from '../../src/tasks/commands/purge-tasks.js';
import { RecoverTasks } from '../../src/tasks/commands/recover-tasks.js';
import { TaskCounts } from '../../src/tasks/queries/task-counts.js';
import { PermanentError } from '../../src/tasks/index.js';
import { type App, bootApp } from '../support/app.js';
import { type TaskBody, tasksOf, Work, WorkModule } from '../support/work.module.js';

interface Page {
  readonly items: TaskBody[];
  readonly next_cursor: string | null;
}

describe('the list of tasks', () => {
  let app: App;
  const LATER = '2099-01-01T00:00:00Z';
  const create = async (count: number, more: object = {}) => {
    const requests = Array.from({ length: count }, (_, n) => ({
      payload: n,
      run_at: LATER,
      ...more,
    }));
    const { status, body } = await app.http.post<TaskBody[]>('/tasks', requests);
    expect(status).toBe(201);
    return body.map(({ id }) => id);
  };
  const walk = async (query: string, between: () => Promise<unknown> = () => Promise.resolve()) => {
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const suffix: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await app.http.get<Page>(`/tasks?${query}${suffix}`);
      expect(status).toBe(200);
      ids.push(...body.items.map(({ id }) => id));
      cursor = body.next_cursor;
      await between();
    } while (cursor !== null);
    return ids;
  };

  beforeEach(async () => {
    app = await bootApp({ modules: [WorkModule], env: { ROLES: 'api' } });
  });

  it('is walked from the newest to the oldest, each task once, while others are created', async () => {
    const ids = await create(25);
    const seen = await walk('limit=4', () => create(3));
    expect(seen.slice(0, 25)).toEqual(ids.toReversed());
    expect(seen).toHaveLength(25);
    expect(await walk('limit=100')).toHaveLength(25 + 7 * 3);
  });

  it('keeps its place when tasks before and behind it are deleted', async () => {
    const ids = await create(12);
    const first = (await app.http.get<Page>('/tasks?limit=5')).body;
    await app.sql('delete from tasks.task where id = any($1)', [[ids[7], ids[6], ids[11]]]);
    const rest = await app.http.get<Page>(
      `/tasks?limit=20&cursor=${encodeURIComponent(first.next_cursor!)}`,
    );
    expect(rest.body.items.map(({ id }) => id)).toEqual(ids.slice(0, 6).toReversed());
    expect(rest.body.next_cursor).toBeNull();
  });

  it('is filtered by status, kind, queue and age together', async () => {
    const ids = await create(6);
    const noops = await create(4, { kind: 'noop' });
    await app.http.post(`/tasks/${ids[0]!}/cancel`);
    await app.http.post(`/tasks/${noops[0]!}/cancel`);
    expect(await walk('status=cancelled&limit=1')).toEqual([noops[0], ids[0]]);
    expect(await walk('status=cancelled&kind=noop')).toEqual([noops[0]]);
    expect(await walk('kind=noop&status=new&queue=default&limit=2')).toEqual(
      noops.slice(1).toReversed(),
    );
    expect(await walk('queue=elsewhere')).toEqual([]);
    expect(await walk(`created_after=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
    expect(await walk('created_after=2020-01-01T00:00:00Z')).toHaveLength(10);
  });
});

describe('the counts of tasks', () => {
  /** What can happen to tasks, as numbers that pick the one it happens to. */
  const step = fc.record({
    act: fc.constantFrom('one', 'many', 'fail', 'later', 'cancel', 'retry', 'lose', 'purge'),
    pick: fc.nat(),
  });

  it('are those of the tables after any walk through the operations', async () => {
    const app = await bootApp({ modules: [WorkModule] });
    const tasks = tasksOf(app);
    app.get(Work).scripts.set('fail', () => {
      throw new PermanentError('as it should');
    });
    const ids: string[] = [];
    const made = (bodies: TaskBody[]) => ids.push(...bodies.map(({ id }) => id));
    const picked = (pick: number) => ids[pick % Math.max(1, ids.length)] ?? '';
    const act = {
      one: async () => made([await tasks.create('one')]),
      many: async () => {
        const three = ['a', 'b', 'c'].map((name) => ({ kind: 'narrow', payload: { name } }));
        made((await app.http.post<TaskBody[]>('/tasks', three)).body);
      },
      fail: async () => made([await tasks.create('fail')]),
      later: async () => made([await tasks.create('later', { run_at: '2099-01-01T00:00:00Z' })]),
      cancel: (pick: number) => app.http.post(`/tasks/${picked(pick)}/cancel`),
      retry: (pick: number) => app.http.post(`/tasks/${picked(pick)}/retry`),
      lose: async () => {
        await app.sql(`update tasks.task set lease_owner = id where status = 'in_progress'`);
        await app.execute(new RecoverTasks(100));
      },
      purge: async (pick: number) => {
        await app.sql(
          `update tasks.task set created_at = now() - interval '9 days', finished_at = now() - interval '9 days'
           where finished_at is not null and id = any($1)`,
          [[picked(pick)].filter(Boolean)],
        );
        await app.execute(new PurgeTasks(8, 10));
      },
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        for (const { act: name, pick } of steps) await act[name](pick);
        await app.settle();
        const real = await app.sql(
          `select kind, status, count(*)::float as count from tasks.task
           group by kind, status order by kind, status`,
        );
        expect((await app.get(TaskCounts).perKind()).map((row) => ({ ...row }))).toEqual(real);
      }),
      { numRuns: 8 },
    );
    expect(ids.length).toBeGreaterThan(10);
  });
});

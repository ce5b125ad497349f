import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import type { Page } from '../kernel/http/pages.js';
import { RunDueSchedules } from './commands/run-due-schedules.js';
import type { TaskView } from './tasks.dto.js';
import { TaskBacklog } from './worker/task-backlog.js';

interface Schedule {
  readonly id: string;
  readonly name: string;
  readonly paused: boolean;
  readonly next_runs: readonly string[];
  readonly last_run_at: string | null;
  readonly last_task_id: string | null;
  readonly last_error: { readonly code: string } | null;
}

const HOURLY = { name: 'hourly', cron: '0 * * * *', task: { kind: 'video', payload: { a: 1 } } };
const ENV = { TASKS_EXTERNAL_KINDS: 'video', ROLES: 'api,worker,relay' };

let now: Date;
let app: App;

/** Without the role `scheduler`, so that a test says when due occurrences are looked for. */
async function boot(env: Record<string, string> = {}): Promise<void> {
  now = new Date('2026-03-10T12:30:00Z');
  app = await bootApp({ env: { ...ENV, ...env }, clock: { now: () => now } });
}

async function create(more: object = {}): Promise<Schedule> {
  const { status, body } = await app.http.post<Schedule>('/task-schedules', { ...HOURLY, ...more });
  expect(status).toBe(201);
  return body;
}

const get = async (id: string) => (await app.http.get<Schedule>(`/task-schedules/${id}`)).body;

const run = () => app.execute(new RunDueSchedules(100));

const tasks = async () => (await app.http.get<Page<TaskView>>('/tasks')).body.items;

function send<Body>(method: string, path: string, body?: object) {
  return fetch(new URL(path, app.http.url), {
    method,
    headers: { connection: 'close', ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  }).then(async (response) => {
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : undefined) as Body };
  });
}

describe('due occurrences', () => {
  it('become one task each, however many processes look for them', async () => {
    await boot();
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, index) => create({ name: `schedule ${String(index)}` })),
    );
    for (const hour of [13, 14, 15]) {
      now = new Date(`2026-03-10T${String(hour)}:00:00.500Z`);
      await Promise.all(Array.from({ length: 8 }, run));
    }
    const keys = (
      await app.sql<{ key: string }>(`select idempotency_key as key from tasks.task`)
    ).map(({ key }) => key);
    expect(keys).toHaveLength(60);
    expect(keys).toContain(`schedule:${made[7]?.id ?? ''}:2026-03-10T14:00:00.000Z`);
  });

  it('are created with the schedule they move on: a second process finds nothing', async () => {
    await boot();
    const { id } = await create();
    now = new Date('2026-03-10T13:00:00Z');
    expect(await run()).toEqual({ advanced: 1, failed: [] });
    expect(await run()).toEqual({ advanced: 0, failed: [] });
    const [task] = await tasks();
    expect(task).toMatchObject({ kind: 'video', payload: { a: 1 }, status: 'new' });
    expect(await get(id)).toMatchObject({
      last_run_at: '2026-03-10T13:00:00.000Z',
      last_task_id: task?.id,
    });
  });

  it('stay due while the backlog is full', async () => {
    await boot({ TASKS_MAX_BACKLOG: '1' });
    await create({ missed: 'run_once' });
    const { status } = await app.http.post('/tasks', { kind: 'video', payload: 1 });
    expect(status).toBe(201);
    now = new Date('2026-03-10T13:00:00Z');
    await app.until(() => app.get(TaskBacklog).isFull);
    expect(await run()).toMatchObject({ advanced: 0, failed: [{ error: { passes: true } }] });
    await app.sql('delete from tasks.task');
    await app.until(async () => (await run()).advanced === 1);
    expect(await tasks()).toHaveLength(1);
  });

  it('that cannot become tasks are told of, and do not hold up the others', async () => {
    await boot();
    const broken = await create();
    await create({ name: 'good' });
    const task = JSON.stringify({ kind: 'gone', queue: 'default', payload: 1, priority: 0 });
    await app.sql(`update tasks.schedule set task = $1 where id = $2`, [task, broken.id]);
    now = new Date('2026-03-10T13:00:00Z');
    expect(await run()).toMatchObject({ advanced: 2, failed: [{ scheduleId: broken.id }] });
    expect(await tasks()).toHaveLength(1);
    expect(await get(broken.id)).toMatchObject({ last_error: { code: 'unknown-task-kind' } });
  });
});

describe('a schedule', () => {
  it('is made with defaults, shows its next runs, and is found again', async () => {
    await boot();
    const { id } = await create();
    expect(await get(id)).toMatchObject({
      ...HOURLY,
      task: { kind: 'video', queue: 'default', priority: 0 },
      time_zone: 'UTC',
      missed: 'skip',
      paused: false,
      last_run_at: null,
      next_runs: [13, 14, 15, 16, 17].map((hour) => `2026-03-10T${String(hour)}:00:00.000Z`),
    });
    await create({ name: 'second' });
    const first = await app.http.get<Page<Schedule>>('/task-schedules?limit=1');
    expect(first.body.items[0]?.name).toBe('second');
    const next = String(first.body.next_cursor);
    const rest = await app.http.get<Page<Schedule>>(`/task-schedules?limit=1&cursor=${next}`);
    expect(rest.body).toMatchObject({ items: [{ id }], next_cursor: null });
  });

  it('is paused, resumed, changed and deleted', async () => {
    await boot();
    const { id } = await create();
    const path = `/task-schedules/${id}`;
    const paused = await send<Schedule>('PATCH', path, { paused: true });
    expect(paused.body).toMatchObject({ paused: true, next_runs: [] });
    now = new Date('2026-03-10T13:00:00Z');
    expect(await run()).toMatchObject({ advanced: 0 });
    const changed = await send<Schedule>('PATCH', path, {
      paused: false,
      cron: '*/15 * * * *',
      time_zone: 'Asia/Kathmandu',
      task: { kind: 'noop', payload: 2, priority: 7 },
    });
    expect(changed.body).toMatchObject({
      name: 'hourly',
      task: { kind: 'noop', priority: 7 },
      next_runs: expect.arrayContaining(['2026-03-10T13:15:00.000Z']) as unknown,
    });
    expect((await send('DELETE', path)).status).toBe(204);
    expect((await send('DELETE', path)).status).toBe(404);
    expect((await send('PATCH', path, { paused: true })).status).toBe(404);
    expect(problemIn(await app.http.get(path)).status).toBe(404);
  });

  it.each([
    [{ cron: '61 * * * *' }, 'cron'],
    [{ time_zone: 'Mars/Olympus' }, 'time_zone'],
    [{ task: { kind: 'nothing', payload: 1 } }, 'task.kind'],
    [{ task: { kind: 'video', queue: 'nowhere', payload: 1 } }, 'task.queue'],
    [{ task: { kind: 'video', payload: 1, run_at: '2027-01-01T00:00:00Z' } }, 'task.run_at'],
    [{ missed: 'sometimes' }, 'missed'],
  ])('is refused with %j, which names %s', async (more, field) => {
    await boot();
    const answer = await app.http.post('/task-schedules', { ...HOURLY, ...more });
    expect(answer.status).toBe(422);
    expect(problemIn(answer).errors?.map((error) => error.field)).toEqual([field]);
    const many = await app.http.post('/task-schedules', [HOURLY, { ...HOURLY, ...more }]);
    expect(problemIn(many).errors?.map((error) => error.field)).toEqual([`[1].${field}`]);
    expect((await app.http.get<Page<Schedule>>('/task-schedules')).body.items).toEqual([]);
  });

  it('has a name of its own', async () => {
    await boot();
    await create();
    expect((await app.http.post('/task-schedules', HOURLY)).status).toBe(409);
    const { id } = await create({ name: 'second' });
    const renamed = await send('PATCH', `/task-schedules/${id}`, { name: 'hourly' });
    expect(renamed).toMatchObject({
      status: 409,
      body: { type: '/problems/task-schedule-name-taken' },
    });
  });
});

it('runs by itself in two processes at once, each occurrence once', async () => {
  app = await bootApp({ env: { ...ENV, ROLES: 'api,worker,relay,scheduler' } });
  await bootApp({ env: { ...ENV, ROLES: 'scheduler' }, beside: app });
  await create({ cron: '* * * * * *' });
  await app.until(async () => (await tasks()).length >= 3);
  const keys = (await tasks()).map((task) => task.idempotency_key);
  expect(new Set(keys).size).toBe(keys.length);
});

import { MessageServer } from '../../src/kernel/messaging/message-server.js';
import { PermanentError } from '../../src/tasks/index.js';
import { type App, bootApp, BROKERS } from '../support/app.js';
import { problemIn } from '../support/http-client.js';
import { gate, Narrow, tasksOf, untilAborted, Work, WorkModule } from '../support/work.module.js';

const SOON = { kind: 'fixed', delay_ms: 50, jitter: false };
const LATER = '2099-01-01T00:00:00Z';

describe.each(BROKERS)('a task that runs on %s', (broker) => {
  let app: App;
  let tasks: ReturnType<typeof tasksOf>;
  let work: Work;

  beforeAll(async () => {
    app = await bootApp({ broker, modules: [WorkModule], shared: true });
    tasks = tasksOf(app);
    work = app.get(Work);
    await app.watch('tasks.#');
  });
  afterAll(() => app.stop());

  it('is tried again after its delay until it succeeds', async () => {
    work.scripts.set('third time', ({ attempt }) => {
      if (attempt < 3) throw new TypeError(`not yet (${String(attempt)})`);
    });
    const backoff = { kind: 'exponential', delay_ms: 100, jitter: false };
    const { id } = await tasks.create('third time', { backoff });
    const done = await tasks.reached(id, 'succeeded');
    expect(done).toMatchObject({ attempt: 3, error: null });
    expect(done.failures).toMatchObject([
      { attempt: 1, code: 'TypeError', message: 'not yet (1)' },
      { attempt: 2, code: 'TypeError', message: 'not yet (2)' },
    ]);
    const took = Date.parse(done.finished_at!) - Date.parse(done.created_at);
    expect(took).toBeGreaterThanOrEqual(300);
    await app.outbox.expect('tasks.task-retried.v1', { task_id: id, attempt: 1 });
  });

  it('fails when its attempts are used up', async () => {
    work.scripts.set('hopeless', () => {
      throw new Error('as always');
    });
    const { id } = await tasks.create('hopeless', { max_attempts: 2, backoff: SOON });
    const failed = await tasks.reached(id, 'failed');
    expect(failed).toMatchObject({
      attempt: 2,
      error: { code: 'Error', message: 'as always', reason: 'exhausted' },
    });
    expect(failed.failures).toHaveLength(2);
    expect(work.attemptsAt('hopeless')).toBe(2);
  });

  it('fails at once by a PermanentError', async () => {
    work.scripts.set('no such address', () => {
      throw new PermanentError('the address does not exist', 'bad-address');
    });
    const { id } = await tasks.create('no such address', { backoff: SOON });
    expect(await tasks.reached(id, 'failed')).toMatchObject({
      attempt: 1,
      error: { code: 'bad-address', reason: 'rejected' },
    });
  });

  it('is stopped at its timeout, and fails as timed out', async () => {
    work.scripts.set('slow', untilAborted);
    const { id } = await tasks.create('slow', { timeout_ms: 60, max_attempts: 2, backoff: SOON });
    expect(await tasks.reached(id, 'failed')).toMatchObject({
      attempt: 2,
      error: { code: 'timeout', reason: 'timeout' },
    });
  });

  it('is cancelled before it runs, and never runs', async () => {
    const { id } = await tasks.create('too early', { run_at: LATER });
    const cancelled = await app.http.post(`/tasks/${id}/cancel`);
    expect([cancelled.status, cancelled.body]).toMatchObject([200, { status: 'cancelled' }]);
    expect((await tasks.get(id)).error).toMatchObject({ reason: 'cancelled' });
    await app.outbox.expect('tasks.task-cancelled.v1', { task_id: id });
    const again = problemIn(await app.http.post(`/tasks/${id}/cancel`));
    expect([again.status, again.type]).toEqual([409, '/problems/task-already-finished']);
    expect(work.attemptsAt('too early')).toBe(0);
  });

  it('is cancelled while it runs: its handler is stopped, and what it says is void', async () => {
    const stopped = gate();
    work.scripts.set('cancel me', async (context) => {
      await untilAborted(context).catch(() => stopped.open());
      return 'too late';
    });
    const { id } = await tasks.create('cancel me');
    await tasks.reached(id, 'in_progress');
    await app.http.post(`/tasks/${id}/cancel`);
    await stopped.passed;
    await app.settle();
    expect(await tasks.get(id)).toMatchObject({ status: 'cancelled', result: null, attempt: 1 });
  });

  it('waits for its run_at', async () => {
    const runAt = new Date(Date.now() + 700);
    const { id } = await tasks.create('at eight', { run_at: runAt.toISOString() });
    const done = await tasks.reached(id, 'succeeded');
    expect(Date.parse(done.started_at!)).toBeGreaterThanOrEqual(runAt.getTime());
    expect(Date.parse(done.started_at!)).toBeLessThan(runAt.getTime() + 3_000);
  });

  it('shows its progress while it runs', async () => {
    const working = gate();
    work.scripts.set('progressing', ({ progress }) => {
      progress(42.4);
      return working.passed;
    });
    const { id } = await tasks.create('progressing');
    await app.until(async () => (await tasks.get(id)).progress === 42);
    expect((await tasks.get(id)).status).toBe('in_progress');
    working.open();
    expect((await tasks.reached(id, 'succeeded')).progress).toBe(100);
  });

  it('overtakes those of lower priority that wait for the same slot', async () => {
    const narrow = app.get(Narrow);
    const working = gate();
    narrow.scripts.set('first', () => working.passed);
    const create = (name: string, priority: number) =>
      tasks.create(name, { kind: 'narrow', priority });
    await tasks.reached((await create('first', 0)).id, 'in_progress');
    for (const name of ['low 1', 'low 2']) await create(name, 0);
    for (const name of ['middle', 'high']) await create(name, name === 'high' ? 9 : 4);
    // All are at hand, so it is the slot that they wait for.
    await app.until(() => app.get(MessageServer).inFlight === 4);
    working.open();
    await app.settle();
    const order = narrow.runs.map(({ name }) => name);
    expect(order).toEqual(['first', 'high', 'middle', 'low 1', 'low 2']);
  });

  it('runs again, with as many attempts, when it is retried by hand', async () => {
    work.scripts.set('second chance', ({ attempt }) => {
      if (attempt < 4) throw new Error('no');
    });
    const given = { max_attempts: 2, backoff: SOON };
    const { id } = await tasks.create('second chance', given);
    const early = problemIn(await app.http.post(`/tasks/${id}/retry`));
    await tasks.reached(id, 'failed');
    const { status, body } = await app.http.post(`/tasks/${id}/retry`);
    expect([status, body]).toMatchObject([200, { status: 'new', error: null }]);
    expect(await tasks.reached(id, 'succeeded')).toMatchObject({ attempt: 4 });
    const late = problemIn(await app.http.post(`/tasks/${id}/retry`));
    expect([early.status, late.status]).toEqual([409, 409]);
    expect(late.type).toBe('/problems/task-not-retriable');
  });

  it('is refused by 503 beyond the bound of the backlog, by message it is tried again', async () => {
    const env = { ROLES: 'api', TASKS_MAX_BACKLOG: '5' };
    const full = await bootApp({ broker, modules: [WorkModule], env });
    const waiting = Array.from({ length: 5 }, () => ({ payload: 1, run_at: LATER }));
    expect((await full.http.post('/tasks', waiting)).status).toBe(201);
    const refused = await full.until(async () => {
      const answer = await full.http.post('/tasks', { payload: 2, run_at: LATER });
      return answer.status === 503 ? answer : undefined;
    });
    expect(problemIn(refused).type).toBe('/problems/task-backlog-full');
    expect(refused.headers.get('retry-after')).toBe('5');
    await full.sql(`update tasks.task set status = 'cancelled', finished_at = now()`);
    await full.until(async () => (await full.http.post('/tasks', { payload: 3 })).status === 201);
  });
});

describe.each(BROKERS)('kinds with a limit on %s', (broker) => {
  it('do not keep those of other kinds from running, however many of them wait', async () => {
    // Sixteen messages are at hand at the most, with one task each.
    const app = await bootApp({ broker, modules: [WorkModule], env: { TASKS_CONCURRENCY: '4' } });
    const tasks = tasksOf(app);
    const narrow = app.get(Narrow);
    const { passed, open } = gate();
    narrow.scripts.set('narrow', () => passed);
    const waiting: string[] = [];
    for (let count = 0; count < 40; count += 1) {
      waiting.push((await tasks.create('narrow', { kind: 'narrow' })).id);
    }
    await app.until(() => narrow.attemptsAt('narrow') === 1);
    const { id } = await tasks.create('other');
    await tasks.reached(id, 'succeeded');
    expect(narrow.attemptsAt('narrow')).toBe(1);
    open();
    for (const one of waiting) await tasks.reached(one, 'succeeded');
    expect(narrow.attemptsAt('narrow')).toBe(40);
    expect(await app.deadLetters('task-runs.default').ids()).toEqual([]);
  }, 60_000);
});

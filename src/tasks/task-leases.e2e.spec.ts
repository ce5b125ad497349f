import { type App, bootApp, BROKERS } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { RecoverTasks } from './commands/recover-tasks.js';
import type { TaskView } from './tasks.dto.js';
import { ExternalLeases } from './worker/external-leases.js';

interface Leased {
  readonly items: readonly {
    readonly task: TaskView;
    readonly lease_token: string;
    readonly lease_expires_at: string;
  }[];
}

const EXTERNAL = { TASKS_EXTERNAL_KINDS: 'video,audio', TASKS_EVENTS: 'started,succeeded,failed' };

let app: App;
describe('external workers', () => {
  beforeAll(async () => {
    app = await bootApp({ env: EXTERNAL, shared: true });
  });
  afterAll(() => app.stop());
  beforeEach(() => app.sql('delete from tasks.task'));

  async function create(...tasks: object[]): Promise<string[]> {
    const requests = tasks.map((task) => ({ kind: 'video', payload: 1, ...task }));
    const { status, body } = await app.http.post<TaskView[]>('/tasks', requests);
    expect(status).toBe(201);
    return body.map((task) => task.id);
  }

  async function lease(more: object = {}): Promise<Leased['items']> {
    const answer = await app.http.post<Leased>('/task-leases', { kinds: ['video'], ...more });
    expect(answer.status).toBe(200);
    return answer.body.items;
  }

  async function leaseOne(task: object = {}) {
    const [id = ''] = await create(task);
    const [leased] = await lease();
    if (!leased) throw new Error('Nothing was leased');
    return { id, token: leased.lease_token, leased };
  }

  const settle = (id: string, how: string, body: object) =>
    app.http.post<TaskView>(`/tasks/${id}/${how}`, body);

  const stateOf = async (id: string) => (await app.http.get<TaskView>(`/tasks/${id}`)).body;

  /** Ends leases as time would. */
  const letLeasesEnd = () =>
    app.sql(`update tasks.task set lease_expires_at = now() - interval '1 ms'`);

  describe('leasing', () => {
    it('hands out the highest priority first, and only what is due', async () => {
      const [low, high, later] = await create(
        { priority: 1 },
        { priority: 9 },
        { priority: 10, run_at: '2999-01-01T00:00:00Z' },
      );
      const items = await lease({ max: 10 });
      expect(items.map(({ task }) => task.id)).toEqual([high, low]);
      expect(items[0]?.task).toMatchObject({ status: 'in_progress', attempt: 1 });
      expect(await stateOf(later ?? '')).toMatchObject({ status: 'new' });
    });

    it('gives no task to two workers', async () => {
      await create(...Array.from({ length: 60 }, (_, payload) => ({ payload })));
      const answers = await Promise.all(Array.from({ length: 12 }, () => lease({ max: 5 })));
      const ids = answers.flat().map(({ task }) => task.id);
      expect(new Set(ids).size).toBe(60);
      expect(ids).toHaveLength(60);
    });

    it('answers a waiting worker as soon as a task is created', async () => {
      const waiting = lease({ kinds: ['audio', 'video'], wait_ms: 20_000 });
      const [id] = await create({ kind: 'audio' });
      expect((await waiting).map(({ task }) => task.id)).toEqual([id]);
    });

    it('finds what another process created, and answers nothing when the wait ends', async () => {
      const waiting = lease({ wait_ms: 20_000 });
      await create({ run_at: new Date(Date.now() + 400).toISOString() });
      expect(await waiting).toHaveLength(1);
      expect(await lease({ wait_ms: 300 })).toEqual([]);
    });

    it('serves a crowd that waits, each worker with a task of its own', async () => {
      const crowd = Array.from({ length: 80 }, () => lease({ wait_ms: 20_000 }));
      await app.until(() => app.get(ExternalLeases).waiting === 80);
      const created = await create(...Array.from({ length: 80 }, (_, payload) => ({ payload })));
      const ids = (await Promise.all(crowd)).flat().map(({ task }) => task.id);
      expect(ids.sort()).toEqual(created.sort());
    });

    it('forgets a worker that goes away while it waits', async () => {
      const leaving = new AbortController();
      const request = fetch(new URL('/task-leases', app.http.url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ kinds: ['video'], wait_ms: 20_000 }),
        signal: leaving.signal,
      });
      const gone = expect(request).rejects.toThrow('aborted');
      const leases = app.get(ExternalLeases);
      await app.until(() => leases.waiting === 1);
      leaving.abort();
      await gone;
      await app.until(() => leases.waiting === 0);
    });

    it('hands tasks back when their worker goes away before it has them', async () => {
      const [id = ''] = await create({});
      const gone = new AbortController();
      const request = { kinds: ['video'], max: 5, leaseMs: 60_000 };
      expect(await app.get(ExternalLeases).lease(request, 0, gone.signal)).toHaveLength(1);
      gone.abort();
      await app.until(async () => (await stateOf(id)).status === 'new');
      const [next] = await lease();
      expect(next?.task).toMatchObject({ id, attempt: 2, failures: [] });
    });

    it('is refused for kinds that are not external, naming each', async () => {
      const answer = await app.http.post('/task-leases', { kinds: ['video', 'noop', 'nothing'] });
      expect(answer.status).toBe(422);
      expect(problemIn(answer).errors?.map(({ field }) => field)).toEqual(['kinds[1]', 'kinds[2]']);
    });
  });

  describe('a lease', () => {
    it('is prolonged by a heartbeat, which also reports progress', async () => {
      const { id, token, leased } = await leaseOne();
      const beat = { lease_token: token, lease_ms: 200_000, progress: 40 };
      const { status, body } = await app.http.post<{ lease_expires_at: string }>(
        `/tasks/${id}/heartbeat`,
        beat,
      );
      expect(status).toBe(200);
      const prolonged = Date.parse(body.lease_expires_at) - Date.parse(leased.lease_expires_at);
      expect(prolonged).toBeGreaterThan(150_000);
      expect(await stateOf(id)).toMatchObject({ progress: 40 });
    });

    it('never outlives the timeout of the task', async () => {
      const { id, token, leased } = await leaseOne({ timeout_ms: 5_000, max_attempts: 1 });
      const timeout = Date.parse(String(leased.task.started_at)) + 5_000;
      expect(Date.parse(leased.lease_expires_at)).toBe(timeout);
      const { body } = await app.http.post<{ lease_expires_at: string }>(`/tasks/${id}/heartbeat`, {
        lease_token: token,
        lease_ms: 600_000,
      });
      expect(Date.parse(body.lease_expires_at)).toBe(timeout);
      await app.sql(
        `update tasks.task set started_at = started_at - interval '6 s',
       lease_expires_at = lease_expires_at - interval '6 s'`,
      );
      await app.execute(new RecoverTasks(10));
      expect(await stateOf(id)).toMatchObject({ status: 'failed', error: { reason: 'timeout' } });
    });

    it('completes the task once; the token is then worth nothing', async () => {
      const { id, token } = await leaseOne();
      const done = await settle(id, 'complete', { lease_token: token, result: { url: 'x' } });
      expect(done.body).toMatchObject({ status: 'succeeded', result: { url: 'x' }, progress: 100 });
      const again = await settle(id, 'complete', { lease_token: token, result: 'other' });
      expect(problemIn(again)).toMatchObject({ status: 409, type: '/problems/task-lease-lost' });
      expect(await stateOf(id)).toMatchObject({ result: { url: 'x' } });
    });

    it('settles once when it is completed and failed at the same time', async () => {
      const { id, token } = await leaseOne({ max_attempts: 1 });
      const answers = await Promise.all([
        settle(id, 'complete', { lease_token: token, result: 1 }),
        settle(id, 'fail', { lease_token: token, message: 'no' }),
        settle(id, 'complete', { lease_token: token, result: 2 }),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    });

    it('that failed is tried again, or not when that cannot help', async () => {
      const backoff = { kind: 'fixed', delay_ms: 0 };
      const { id, token } = await leaseOne({ backoff });
      const failed = await settle(id, 'fail', { lease_token: token, code: 'net', message: 'down' });
      expect(failed.body).toMatchObject({ status: 'new', failures: [{ code: 'net' }] });
      const [second] = await lease();
      expect(second?.task).toMatchObject({ id, attempt: 2 });
      const end = { lease_token: second?.lease_token, message: 'never', permanent: true };
      const { body } = await settle(id, 'fail', end);
      expect(body).toMatchObject({
        status: 'failed',
        error: { code: 'error', reason: 'rejected' },
      });
    });

    it('that ended is void, and the task goes to the next worker', async () => {
      const { id, token } = await leaseOne();
      await letLeasesEnd();
      for (const [how, body] of [
        ['complete', { lease_token: token }],
        ['fail', { lease_token: token, message: 'x' }],
        ['heartbeat', { lease_token: token }],
        ['progress', { lease_token: token, progress: 5 }],
      ] as const) {
        expect((await settle(id, how, body)).status).toBe(409);
      }
      await app.execute(new RecoverTasks(10));
      const [next] = await lease({ wait_ms: 10_000 });
      expect(next?.task).toMatchObject({ id, failures: [{ code: 'worker-lost' }] });
      expect((await settle(id, 'complete', { lease_token: token })).status).toBe(409);
    });

    it('is void once the task is cancelled', async () => {
      const { id, token } = await leaseOne();
      await app.http.post(`/tasks/${id}/cancel`);
      expect((await settle(id, 'complete', { lease_token: token })).status).toBe(409);
    });

    it('on a task that is not there is a 404', async () => {
      const { token } = await leaseOne();
      const nowhere = '019aa3a4-5b6c-7d8e-9f00-112233445566';
      expect((await settle(nowhere, 'complete', { lease_token: token })).status).toBe(404);
      expect((await settle(nowhere, 'heartbeat', { lease_token: token })).status).toBe(404);
    });

    it('cannot hold a task that runs inside', async () => {
      const { token } = await leaseOne();
      const { body } = await app.http.post<TaskView>('/tasks', { kind: 'noop', payload: 1 });
      expect((await settle(body.id, 'complete', { lease_token: token })).status).toBe(409);
    });
  });
});

describe.each(BROKERS)('settled by messages over %s', (broker) => {
  it('completes and fails tasks, and a lost lease is a dead letter', async () => {
    const other = await bootApp({ env: EXTERNAL, broker });
    const events = await other.watch('tasks.#');
    const dead = other.deadLetters('tasks');
    const { body: made } = await other.http.post<TaskView[]>('/tasks', [
      { kind: 'video', payload: 1 },
      { kind: 'video', payload: 2 },
    ]);
    const { body } = await other.http.post<Leased>('/task-leases', { kinds: ['video'], max: 2 });
    const tokenOf = (index: number) =>
      body.items.find(({ task }) => task.id === made[index]?.id)?.lease_token;
    const [first = '', second = ''] = made.map(({ id }) => id);
    const end = { lease_token: tokenOf(1), message: 'no', permanent: true };

    await other.send('tasks', `${first}/progress`, { lease_token: tokenOf(0), progress: 30 });
    await other.until(
      async () => (await other.http.get<TaskView>(`/tasks/${first}`)).body.progress === 30,
    );
    const done = { lease_token: tokenOf(0), result: 7 };
    const id = await other.send('tasks', `${first}/complete`, done);
    await other.send('tasks', `${first}/complete`, done, { id }); // brought twice by the broker
    await other.send('tasks', `${second}/fail`, end);
    await events.expect('tasks.task-started.v1', { task_id: first });
    await events.expect('tasks.task-succeeded.v1', { task_id: first, result: 7 });
    await events.expect('tasks.task-failed.v1', { task_id: second });
    const late = await other.send('tasks', `${first}/complete`, done);
    expect((await dead.withId(late)).reason).toContain('task-lease-lost');
    expect(await dead.ids()).toEqual([late]);
  });
});

it('sends those who wait away at a shutdown', async () => {
  const other = await bootApp({ env: EXTERNAL });
  const waiting = other.http.post<Leased>('/task-leases', { kinds: ['video'], wait_ms: 30_000 });
  await other.until(() => other.get(ExternalLeases).waiting === 1);
  await other.stop();
  const answer = await waiting.catch((error: unknown) => error);
  expect(answer).toMatchObject({ status: 200, body: { items: [] } });
});

import { get as httpGet, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { TaskWatch } from './queries/task-watch.js';
import type { BulkRetryAnswer, TaskKindView, TaskSummary, TaskView } from './tasks.dto.js';

const NOWHERE = '019aa3a4-5b6c-7d8e-9f00-112233445566';

let app: App;

describe('tasks over REST', () => {
  beforeAll(async () => {
    app = await bootApp({
      env: { TASKS_EXTERNAL_KINDS: 'video', EMULATE_FAILURE_PROBABILITY: '1' },
      shared: true,
    });
  });
  afterAll(() => app.stop());
  beforeEach(async () => {
    await app.settle();
    await app.sql('delete from tasks.task');
  });

  async function createFailed(count: number, more: object = {}): Promise<void> {
    const request = { kind: 'emulate', payload: 1, max_attempts: 1, ...more };
    await app.http.post(
      '/tasks',
      Array.from({ length: count }, () => request),
    );
    await app.settle();
  }

  const retry = async (body: object = {}) =>
    (await app.http.post<BulkRetryAnswer>('/tasks/retry', body)).body;

  describe('bulk retry', () => {
    it('tells what it would do, does it in parts, and says what remains', async () => {
      await createFailed(7);
      expect(await retry({ dry_run: true })).toEqual({ matched: 7, dry_run: true });
      await app.sql(`update tasks.task set payload = '{"failure_probability": 0}'`);
      expect(await retry({ limit: 3 })).toEqual({ matched: 7, retried: 3, remaining: 4 });
      await app.settle();
      expect(await retry()).toEqual({ matched: 4, retried: 4, remaining: 0 });
      await app.settle();
      const { body } = await app.http.get<TaskSummary>('/tasks/summary');
      expect(body.by_status).toMatchObject({ succeeded: 7, failed: 0 });
    });

    it('goes on over several transactions', async () => {
      await app.sql(
        `insert into tasks.task (id, kind, queue, status, priority, external, max_attempts, timeout_ms, backoff, payload,
           run_at, created_at, updated_at, finished_at, correlation_id, traceparent)
         select gen_random_uuid(), 'video', 'default', 'failed', 0, true, 3, 1000, '{}', '1', now(), now(), now(), now(), 'c', ''
         from generate_series(1, 2500)`,
      );
      expect(await retry({ filter: { kind: 'video' } })).toEqual({
        matched: 2_500,
        retried: 2_500,
        remaining: 0,
      });
    });

    it('keeps to its filter', async () => {
      await createFailed(2);
      const { body } = await app.http.post<TaskView>('/tasks', { kind: 'video', payload: 1 });
      await app.http.post(`/tasks/${body.id}/cancel`);
      expect(await retry({ filter: { queue: 'other' } })).toMatchObject({ matched: 0 });
      expect(await retry({ filter: { created_after: '2999-01-01T00:00:00Z' } })).toMatchObject({
        retried: 0,
      });
      expect(await retry({ filter: { status: 'cancelled', kind: 'video' } })).toMatchObject({
        retried: 1,
      });
      const refused = await app.http.post('/tasks/retry', { filter: { status: 'succeeded' } });
      expect(problemIn(refused)).toMatchObject({ errors: [{ field: 'filter.status' }] });
    });

    it('is also asked for by message', async () => {
      await createFailed(2);
      await app.sql(`update tasks.task set payload = '{"failure_probability": 0}'`);
      await app.send('tasks', 'retry', { filter: { kind: 'emulate' } });
      await app.until(async () => {
        const { body } = await app.http.get<TaskSummary>('/tasks/summary');
        return body.by_status.succeeded === 2;
      });
    });
  });

  it('counts every status of every kind, zeros too', async () => {
    await createFailed(2);
    await app.http.post('/tasks', { kind: 'video', payload: 1 });
    const { body } = await app.http.get<TaskSummary>('/tasks/summary');
    const zeros = { new: 0, in_progress: 0, succeeded: 0, failed: 0, cancelled: 0 };
    expect(body).toEqual({
      total: 3,
      by_status: { ...zeros, new: 1, failed: 2 },
      kinds: [
        { kind: 'emulate', by_status: { ...zeros, failed: 2 } },
        { kind: 'video', by_status: { ...zeros, new: 1 } },
      ],
    });
  });

  it('lists the kinds with what they take', async () => {
    const { body } = await app.http.get<{ items: TaskKindView[] }>('/task-kinds');
    const kinds = ['emulate', 'noop', 'provider.message', 'video'];
    expect(body.items.map(({ kind }) => kind)).toEqual(kinds);
    expect(body.items[0]).toMatchObject({
      external: false,
      max_attempts: 3,
      timeout_ms: 300_000,
      concurrency: 512,
      payload_schema: { anyOf: expect.arrayContaining([{}]) as unknown },
    });
    expect(body.items[3]).toMatchObject({ external: true, concurrency: null, payload_schema: {} });
  });

  describe('watching a task', () => {
    const leased = { status: 'in_progress', attempt: 1 };

    async function create(): Promise<string> {
      const { body } = await app.http.post<TaskView>('/tasks', { kind: 'video', payload: 1 });
      return body.id;
    }

    async function lease(): Promise<string> {
      const { body } = await app.http.post<{ items: { lease_token: string }[] }>('/task-leases', {
        kinds: ['video'],
      });
      return body.items[0]?.lease_token ?? '';
    }

    it('tells the state, every change, and ends with the final state', async () => {
      const id = await create();
      const events = await watch(id);
      expect(events.response.headers['content-type']).toContain('text/event-stream');
      expect(await events.next()).toMatchObject({ id, status: 'new', attempt: 0 });
      const lease_token = await lease();
      expect(await events.next()).toMatchObject(leased);
      await app.http.post(`/tasks/${id}/progress`, { lease_token, progress: 60 });
      expect(await events.next()).toMatchObject({ ...leased, progress: 60 });
      await app.http.post(`/tasks/${id}/complete`, { lease_token, result: 1 });
      expect(await events.next()).toMatchObject({ status: 'succeeded', progress: 100 });
      await events.ended();
      await app.until(() => app.get(TaskWatch).watchers === 0);
    });

    it('goes on where the client was, and tells it when there is no more', async () => {
      const id = await create();
      const first = await watch(id);
      await first.next();
      first.leave();
      await app.until(() => app.get(TaskWatch).watchers === 0);
      const second = await watch(id, first.lastId());
      const lease_token = await lease();
      expect(await second.next()).toMatchObject(leased);
      await app.http.post(`/tasks/${id}/complete`, { lease_token });
      expect(await second.next()).toMatchObject({ status: 'succeeded' });
      await second.ended();
      const done = await app.http.get(`/tasks/${id}/events`, { 'last-event-id': second.lastId() });
      expect(done.status).toBe(204);
    });

    it('of an unknown task is a 404, and of no task a 400', async () => {
      expect(problemIn(await app.http.get(`/tasks/${NOWHERE}/events`)).status).toBe(404);
      expect(problemIn(await app.http.get('/tasks/nothing/events')).status).toBe(400);
      expect(app.get(TaskWatch).watchers).toBe(0);
    });

    it('does not stay open for a HEAD request', async () => {
      const id = await create();
      const answer = await fetch(new URL(`/tasks/${id}/events`, app.http.url), { method: 'HEAD' });
      expect(answer.status).toBe(200);
      await app.until(() => app.get(TaskWatch).watchers === 0);
    });

    it('ends when the task is deleted', async () => {
      const id = await create();
      const events = await watch(id);
      await events.next();
      await app.sql('delete from tasks.task');
      await events.ended();
    });
  });
});

it('ends every watch at a shutdown', async () => {
  app = await bootApp({ env: { TASKS_EXTERNAL_KINDS: 'video' } });
  const { body } = await app.http.post<TaskView>('/tasks', { kind: 'video', payload: 1 });
  const events = await watch(body.id);
  await events.next();
  await app.stop();
  await events.ended();
});

async function watch(id: string, lastEventId?: string) {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const request = httpGet(new URL(`/tasks/${id}/events`, app.http.url), { headers, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  let told = 0;
  let broken: Error | undefined;
  response.on('data', (chunk: Buffer) => (text += chunk.toString()));
  response.on('error', (error) => (broken = error)); // of a client that leaves
  const events = () => text.split('\n\n').filter((part) => part.includes('\ndata: '));
  return {
    response,
    ended: () => app.until(() => response.complete && !broken, { withinMs: 5_000 }),
    next: async () => {
      const event = await app.until(() => events()[told], { withinMs: 5_000 });
      told += 1;
      return JSON.parse(event.slice(event.indexOf('\ndata: ') + 7)) as TaskView;
    },
    lastId: () => /^id: (.*)$/m.exec(events()[told - 1] ?? '')?.[1] ?? '',
    leave: () => {
      request.destroy();
    },
  };
}

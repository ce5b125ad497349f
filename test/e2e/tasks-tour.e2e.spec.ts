import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { connect } from 'amqplib';
import { projectFolder } from '../../scripts/services/folders.ts';
import { type App, bootApp, BROKERS } from '../support/app.js';
import { problemIn } from '../support/http-client.js';
import type { DeadLetters } from '../support/letters.js';
import { gate, type TaskBody, tasksOf, Work, WorkModule } from '../support/work.module.js';

const JSON_HEADER = { 'content-type': 'application/json' };
const UNKNOWN_ID = '019aa3a4-5b6c-7d8e-9f00-112233445566';

describe.each(BROKERS)('tasks on %s', (broker) => {
  let app: App;
  let tasks: ReturnType<typeof tasksOf>;
  let dead: DeadLetters;

  beforeAll(async () => {
    app = await bootApp({ broker, modules: [WorkModule], shared: true });
    tasks = tasksOf(app);
    dead = app.deadLetters('tasks');
    await app.watch('tasks.#');
  });
  afterAll(() => app.stop());

  const byPayload = async (payload: unknown) => {
    const rows = await app.sql<{ id: string; status: string }>(
      'select id, status from tasks.task where payload::jsonb = $1::jsonb',
      [JSON.stringify(payload)],
    );
    return rows[0];
  };
  const count = async () => {
    const [row] = await app.sql<{ count: number }>('select count(*)::int from tasks.task');
    return row!.count;
  };

  it('are created by REST, seen in progress, succeed, and are listed', async () => {
    const { scripts } = app.get(Work);
    const working = gate();
    scripts.set('tour', () => working.passed);
    const made = await tasks.create('tour');
    expect(made).toMatchObject({ status: 'new', attempt: 0, result: null, progress: 0 });
    const running = await tasks.reached(made.id, 'in_progress');
    expect(running).toMatchObject({ attempt: 1, finished_at: null });
    working.open();
    const done = await tasks.reached(made.id, 'succeeded');
    expect(done).toMatchObject({ result: { done: 'tour' }, progress: 100, error: null });
    const { body } = await app.http.get<{ items: TaskBody[] }>('/tasks?status=succeeded');
    expect(body.items.map(({ id }) => id)).toContain(made.id);
    expect(body.items.every(({ status }) => status === 'succeeded')).toBe(true);
    await app.outbox.expect('tasks.task-succeeded.v1', { task_id: made.id });
  });

  it('run as emulated work by default, and end as the probability says', async () => {
    const { body } = await app.http.post<TaskBody[]>('/tasks', [
      { payload: 'test task' },
      { payload: { min_ms: 1, max_ms: 2, failure_probability: 1 }, max_attempts: 1 },
    ]);
    const [good, bad] = body.map(({ id }) => id);
    expect((await tasks.reached(good!, 'succeeded')).result).toEqual({
      worked_ms: expect.any(Number) as number,
    });
    const failed = await tasks.reached(bad!, 'failed');
    expect(failed.error).toMatchObject({ code: 'EmulatedFailure', reason: 'exhausted' });
    expect(failed.failures).toHaveLength(1);
    await app.outbox.expect('tasks.task-failed.v1', { task_id: bad });
  });

  it('are created by a message from the command line', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        ...['--import', './test/support/run-typescript.mjs', 'src/send.ts'],
        ...['tasks/create', '{"payload":"from the queue"}'],
      ],
      {
        cwd: projectFolder,
        env: {
          DATABASE_URL: app.databaseUrl,
          ...(app.amqpUrl === undefined ? {} : { AMQP_URL: app.amqpUrl }),
        },
      },
    );
    expect(stdout).toContain('to tasks/create');
    await app.until(async () => (await byPayload('from the queue'))?.status === 'succeeded');
  });

  if (broker === 'rabbitmq') {
    it('are created by a plain AMQP client that knows only the queue and the route', async () => {
      const connection = await connect(app.amqpUrl!);
      const channel = await connection.createConfirmChannel();
      channel.sendToQueue('tasks', Buffer.from('{"payload":"from elsewhere"}'), {
        headers: { route: 'create' },
      });
      await channel.waitForConfirms();
      await connection.close();
      await app.until(async () => (await byPayload('from elsewhere'))?.status === 'succeeded');
    });
  }

  it('are cancelled by a message', async () => {
    const made = await tasks.create('by message', { run_at: '2099-01-01T00:00:00Z' });
    await app.send('tasks', `${made.id}/cancel`);
    await tasks.reached(made.id, 'cancelled');
  });

  const badBodies: [string, string, string][] = [
    ['no JSON', '{"payload":', ''],
    ['an unknown kind', '{"payload":1,"kind":"nope"}', 'kind'],
    ['a payload of 65 KB', JSON.stringify({ payload: 'x'.repeat(65 * 1_024) }), 'payload'],
    ['no payload', '{}', 'payload'],
    ['priority 11', '{"payload":1,"priority":11}', 'priority'],
    ['priority -1', '{"payload":1,"priority":-1}', 'priority'],
    ['an unknown queue', '{"payload":1,"queue":"nope"}', 'queue'],
    ['an unknown field', '{"payload":1,"colour":"red"}', 'colour'],
    ['a run_at that is no instant', '{"payload":1,"run_at":"tomorrow"}', 'run_at'],
    ['a timeout of nothing', '{"payload":1,"timeout_ms":0}', 'timeout_ms'],
  ];

  it.each(badBodies)('are refused with the field for %s', async (_, body, field) => {
    const before = await count();
    const problem = problemIn(await app.http.post('/tasks', body, JSON_HEADER));
    expect([400, 422]).toContain(problem.status);
    const fields = problem.errors?.map((error) => error.field).join() ?? '';
    expect(field === '' ? problem.detail : fields).toContain(field === '' ? 'JSON' : field);
    expect(problem).toMatchObject({
      instance: '/api/v1/tasks',
      trace_id: expect.any(String) as string,
    });
    expect(await count()).toBe(before);
  });

  it.each(badBodies)('go to the dead letters as a message with %s', async (_, body, field) => {
    const before = await count();
    const letter = await dead.withId(await app.send('tasks', 'create', Buffer.from(body)));
    expect(letter.reason).toContain(field === '' ? 'JSON' : field);
    const payload = { after: letter.id };
    await app.send('tasks', 'create', { payload });
    await app.until(() => byPayload(payload));
    expect(await count()).toBe(before + 1);
  });

  it.each([
    ['an unknown id', `/tasks/${UNKNOWN_ID}`, 404, 'task_id'],
    ['an id that is no UUID', '/tasks/seventeen', 400, 'task_id'],
    ['a broken cursor', '/tasks?cursor=broken', 400, 'cursor'],
    ['a cursor of something else', '/tasks?cursor=eyJhIjoxfQ', 400, 'cursor'],
    ['an unknown status', '/tasks?status=done', 400, 'status'],
    ['a limit beyond the largest', '/tasks?limit=100000', 400, 'limit'],
  ])('are refused with the field for %s', async (_, path, status, field) => {
    const problem = problemIn(await app.http.get(path));
    expect(problem.status).toBe(status);
    expect(problem.errors?.map((error) => error.field).join()).toContain(field);
  });

  it.each([
    ['an unknown id', `${UNKNOWN_ID}/cancel`, 'task-not-found'],
    ['an id that is no UUID', 'seventeen/cancel', 'task_id'],
  ])('go to the dead letters as a message for %s', async (_, route, reason) => {
    const letter = await dead.withId(await app.send('tasks', route));
    expect(letter.reason).toContain(reason);
  });

  it('are one for 50 requests at once with one Idempotency-Key', async () => {
    const before = await count();
    const headers = { 'idempotency-key': `key-${broker}` };
    const body = { kind: 'work', payload: { name: 'once' } };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => app.http.post<TaskBody>('/tasks', body, headers)),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
    expect(await count()).toBe(before + 1);
    const other = await app.http.post('/tasks', { ...body, priority: 1 }, headers);
    expect(problemIn(other).status).toBe(422);
  });

  it('are one for their idempotency_key, whoever sends it, by REST or by message', async () => {
    const before = await count();
    const first = await tasks.create('keyed', { idempotency_key: 'order-1' });
    const again = await tasks.create('keyed', { idempotency_key: 'order-1', priority: 3 });
    expect(again.id).toBe(first.id);
    const keyed = { kind: 'work', payload: { name: 'keyed' }, idempotency_key: 'order-1' };
    await Promise.all([app.send('tasks', 'create', keyed), app.send('tasks', 'create', keyed)]);
    await app.settle();
    expect(await count()).toBe(before + 1);
    expect(app.get(Work).attemptsAt('keyed')).toBe(1);
  });

  it('are created all or none by an array', async () => {
    const before = await count();
    const good = { kind: 'work', payload: { name: 'of many' } };
    for (const [bad, field] of [
      [{ ...good, priority: 11 }, '[1].priority'],
      [{ ...good, kind: 'nope' }, '[1].kind'],
    ] as const) {
      const problem = problemIn(await app.http.post('/tasks', [good, bad, good]));
      expect(problem.status).toBe(422);
      expect(problem.errors?.map((error) => error.field)).toContain(field);
    }
    expect(await count()).toBe(before);
    const { status, body } = await app.http.post<TaskBody[]>('/tasks', [good, good, good]);
    expect([status, new Set(body.map(({ id }) => id)).size]).toEqual([201, 3]);
    expect(await count()).toBe(before + 3);
  });
});

/** The curl lines of the README, checked against a stand that is up (PORT). Ends with `N passed, N failed`. */
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { projectFolder } from './services/folders.ts';

interface Task {
  id: string;
  status: string;
  payload: unknown;
}

const base = `http://127.0.0.1:${process.env['PORT'] || 8000}`;
const DEADLINE_MS = 60_000;

let taskId = '';

const checks: Record<string, () => Promise<void>> = {
  'the program is ready': async () => {
    expect((await fetch(`${base}/health/ready`)).status === 200, 'GET /health/ready is not 200');
  },
  'Swagger UI and the OpenAPI document are served': async () => {
    expect((await fetch(`${base}/api/docs`)).ok, 'GET /api/docs is not OK');
    const document = await getJson<{ paths: Record<string, unknown> }>('/api/openapi.json');
    expect(
      Object.keys(document.paths).some((path) => path.endsWith('/tasks')),
      'no path /tasks',
    );
  },
  'the AsyncAPI document and its page are served': async () => {
    expect((await fetch(`${base}/api/asyncapi`)).ok, 'GET /api/asyncapi is not OK');
    const document = await getJson<{ channels: Record<string, unknown> }>('/api/asyncapi.json');
    expect('tasks.create' in document.channels, 'no channel tasks.create');
  },
  'POST /tasks answers 201 with a new task': async () => {
    const response = await fetch(`${base}/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"payload":"test task"}',
    });
    const task = (await response.json()) as Task;
    expect(response.status === 201, `answered ${response.status} ${JSON.stringify(task)}`);
    expect(task.status === 'new', `status is ${task.status}`);
    taskId = task.id;
  },
  'the task is seen in progress': async () => {
    await until(async () => (await getTask()).status === 'in_progress');
  },
  'the task ends': async () => {
    await until(async () => ['succeeded', 'failed'].includes((await getTask()).status));
  },
  'GET /tasks lists it under its status': async () => {
    const { status } = await getTask();
    const { items } = await getJson<{ items: Task[] }>(`/tasks?status=${status}`);
    expect(
      items.some((task) => task.id === taskId),
      `it is not among the ${status}`,
    );
    expect(
      items.every((task) => task.status === status),
      'other statuses are listed, too',
    );
  },
  'npm run send creates a task by message': async () => {
    const payload = `from the queue ${Date.now()}`;
    const env = { PORT: new URL(base).port };
    await execa(
      'npm',
      ['run', '--silent', 'send', '--', 'tasks/create', JSON.stringify({ payload })],
      {
        cwd: projectFolder,
        env,
        timeout: 30_000,
      },
    );
    await until(async () => {
      const { items } = await getJson<{ items: Task[] }>('/tasks?limit=50');
      return items.some((task) => task.payload === payload);
    });
  },
  'some task succeeds, and GET /tasks?status=succeeded lists it': async () => {
    await until(async () => {
      const { items } = await getJson<{ items: Task[] }>('/tasks?status=succeeded');
      if (items.length === 0) await post('/tasks', { payload: 'one more' });
      return items.length > 0;
    }, 2_000);
  },
  'a request that is not valid gets a problem document': async () => {
    const response = await post('/tasks', { payload: 'x', priority: 11 });
    expect(response.status === 400 || response.status === 422, `answered ${response.status}`);
    const type = response.headers.get('content-type') ?? '';
    expect(type.startsWith('application/problem+json'), `content type is ${type}`);
  },
};

let failed = 0;
for (const [title, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`✓ ${title}`);
  } catch (error) {
    failed += 1;
    console.log(`✗ ${title}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function getTask(): Promise<Task> {
  return getJson<Task>(`/tasks/${taskId}`);
}

async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(`${base}${path}`);
  expect(response.ok, `GET ${path} answered ${response.status}`);
  return (await response.json()) as T;
}

function post(path: string, body: unknown): Promise<Response> {
  return fetch(`${base}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function until(isTrue: () => Promise<boolean>, pauseMs = 100): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await isTrue())) {
    expect(Date.now() < deadline, `not seen within ${DEADLINE_MS / 1000} s`);
    await delay(pauseMs);
  }
}

function expect(isTrue: boolean, otherwise: string): void {
  if (!isTrue) throw new Error(otherwise);
}

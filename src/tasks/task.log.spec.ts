import { Logger, type LoggerService } from '@nestjs/common';
import { Task } from './domain/task.js';
import type { TaskSpec } from './domain/task.state.js';
import type { TaskEvent } from './domain/task.events.js';
import { logTransitions } from './task.log.js';

const NOW = new Date('2026-03-10T12:00:00Z');
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

const lines: { message: string; about: object }[] = [];
const write = (about: object, message: string) => {
  lines.push({ about, message });
};

beforeAll(() => {
  const logger: Partial<LoggerService> = { log: write, warn: write };
  Logger.overrideLogger(logger as LoggerService);
});
afterAll(() => {
  Logger.overrideLogger(false);
});
beforeEach(() => lines.splice(0));

function task(more: Partial<TaskSpec> = {}): Task {
  const spec: TaskSpec = {
    kind: 'noop',
    queue: 'default',
    external: false,
    payload: 1,
    priority: 0,
    runAt: undefined,
    maxAttempts: 1,
    timeoutMs: 1_000,
    backoff: { kind: 'fixed', delay_ms: 0, max_ms: 0, jitter: false },
    idempotencyKey: undefined,
    correlationId: 'order-7',
    ownerId: null,
    replyTo: null,
    traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
    ...more,
  };
  return Task.create(spec, 'an-id', NOW);
}

function log(changed: Task): void {
  logTransitions([
    { state: changed.state, events: changed.releaseEvents() as readonly TaskEvent[] },
  ]);
}

it('tells of every transition in the trace of its task', () => {
  const one = task();
  log(one);
  one.cancel(NOW);
  log(one);
  one.retry(NOW);
  log(one);
  expect(lines.map(({ message }) => message)).toEqual([
    'Task created',
    'Task cancelled',
    'Task to be tried again',
  ]);
  expect(lines[0]).toMatchObject({
    about: {
      task_id: 'an-id',
      kind: 'noop',
      attempt: 0,
      trace_id: TRACE,
      correlation_id: 'order-7',
    },
  });
});

it('tells why a task failed', () => {
  const one = task();
  one.settle({ kind: 'failure', nature: 'permanent', code: 'bad', message: 'no' }, NOW, 0);
  log(one);
  expect(lines.at(-1)).toMatchObject({
    message: 'Task failed',
    about: { code: 'bad', reason: 'rejected' },
  });
});

it('leaves the successes of this process to its worker', () => {
  for (const external of [true, false]) {
    const one = task({ external });
    one.releaseEvents();
    one.settle({ kind: 'success', result: 1 }, NOW, 0);
    log(one);
  }
  expect(lines.map(({ message }) => message)).toEqual(['Task succeeded']);
});

import fc from 'fast-check';
import { TaskAlreadyFinished, TaskNotRetriable } from './task.errors.js';
import { MAX_CRASHES, Task } from './task.js';
import type { AttemptResult, FailureNature, TaskSpec, TaskState } from './task.state.js';

const ID = '019aa3a4-5b6c-7d8e-9f00-112233445566';
const NOW = new Date('2026-03-10T12:00:00Z');
const LATER = new Date('2026-03-10T12:00:10Z');

const SPEC: TaskSpec = {
  kind: 'email.send',
  queue: 'default',
  external: false,
  payload: { to: 'a' },
  priority: 0,
  runAt: undefined,
  maxAttempts: 3,
  timeoutMs: 1_000,
  backoff: { kind: 'fixed', delay_ms: 5_000, max_ms: 60_000, jitter: false },
  idempotencyKey: undefined,
  correlationId: 'c',
  ownerId: null,
  replyTo: null,
  traceparent: '',
};

const create = (spec: Partial<TaskSpec> = {}) => Task.create({ ...SPEC, ...spec }, ID, NOW);

/** What a claim does, which is SQL. */
function started(task: Task = create()): Task {
  const { state } = task;
  return Task.of({ ...state, status: 'in_progress', attempt: state.attempt + 1, startedAt: NOW });
}

const failure = (nature: FailureNature): AttemptResult => ({
  kind: 'failure',
  nature,
  code: 'smtp',
  message: 'refused',
});
const SUCCESS: AttemptResult = { kind: 'success', result: { sent: true } };

const eventsOf = (task: Task) => task.releaseEvents().map((event) => event.type);

function settled(task: Task, ...results: AttemptResult[]): Task {
  return results.reduce((current, result) => {
    const running = started(current);
    running.settle(result, LATER, 0);
    return running;
  }, task);
}

describe('a new task', () => {
  it('runs at once unless it says when', () => {
    expect(create().state).toMatchObject({ status: 'new', attempt: 0, runAt: NOW });
    expect(create({ runAt: LATER }).state.runAt).toEqual(LATER);
  });

  it('tells that it was created, once', () => {
    const task = create();
    expect(eventsOf(task)).toEqual(['tasks.task-created.v1']);
    expect(eventsOf(task)).toEqual([]);
  });
});

describe('an attempt', () => {
  it('that succeeds ends the task', () => {
    const task = settled(create(), SUCCESS);
    expect(task.state).toMatchObject({
      status: 'succeeded',
      result: { sent: true },
      progress: 100,
      finishedAt: LATER,
    });
    expect(eventsOf(task)).toEqual(['tasks.task-succeeded.v1']);
  });

  it('that fails is followed by another one after the delay', () => {
    const task = settled(create(), failure('passing'));
    expect(task.state).toMatchObject({ status: 'new', error: null, finishedAt: null });
    expect(task.state.runAt).toEqual(new Date(LATER.getTime() + 5_000));
    expect(task.state.failures).toEqual([
      { attempt: 1, code: 'smtp', message: 'refused', at: LATER.toISOString() },
    ]);
    expect(eventsOf(task)).toEqual(['tasks.task-retried.v1']);
  });

  it.each([
    ['passing', 'exhausted'],
    ['timeout', 'timeout'],
  ] as const)('that is the last one ends the task: %s is %s', (nature, reason) => {
    const task = settled(create(), failure('passing'), failure('passing'), failure(nature));
    expect(task.state).toMatchObject({ status: 'failed', attempt: 3, error: { reason } });
    expect(task.state.failures).toHaveLength(3);
    expect(eventsOf(task)).toEqual(['tasks.task-failed.v1']);
  });

  it('that cannot succeed ends the task at once', () => {
    expect(settled(create(), failure('permanent')).state).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'smtp', reason: 'rejected' },
    });
  });

  it('that dies with its process is repeated at once and not counted, but not for ever', () => {
    const once = settled(create({ maxAttempts: 1 }), failure('crash'));
    expect(once.state).toMatchObject({ status: 'new', crashes: 1, runAt: LATER });
    const again = settled(once, failure('crash'), failure('crash'));
    expect(again.state).toMatchObject({ status: 'failed', error: { reason: 'poison' } });
  });

  it('that is handed back is not counted', () => {
    const task = started(create({ maxAttempts: 1 }));
    task.handBack(LATER);
    expect(task.state).toMatchObject({ status: 'new', runAt: LATER, failures: [] });
    expect(settled(task, SUCCESS).state.status).toBe('succeeded');
    expect(settled(task, failure('passing')).state.status).toBe('failed');
  });
});

describe('a cancelled task', () => {
  it('is final, whether it was new or in progress', () => {
    for (const task of [create(), started()]) {
      task.cancel(LATER);
      expect(task.state).toMatchObject({
        status: 'cancelled',
        finishedAt: LATER,
        error: { reason: 'cancelled' },
      });
    }
  });

  it('cannot be cancelled again, nor can one that has an end', () => {
    const cancelled = create();
    cancelled.cancel(NOW);
    for (const task of [cancelled, settled(create(), SUCCESS)]) {
      expect(() => {
        task.cancel(LATER);
      }).toThrow(TaskAlreadyFinished);
    }
  });
});

describe('a retried task', () => {
  it('has as many attempts as at first, and forgets its crashes', () => {
    const task = settled(create(), failure('permanent'));
    task.releaseEvents();
    task.retry(LATER);
    expect(task.state).toMatchObject({ status: 'new', error: null, finishedAt: null, crashes: 0 });
    expect(eventsOf(task)).toEqual(['tasks.task-retried.v1']);
    const twice = settled(task, failure('passing'), failure('passing'));
    expect(twice.state).toMatchObject({ status: 'new', attempt: 3 });
    expect(settled(twice, failure('passing')).state).toMatchObject({
      status: 'failed',
      attempt: 4,
      error: { reason: 'exhausted' },
    });
  });

  it('was failed or cancelled', () => {
    for (const task of [create(), started(), settled(create(), SUCCESS)]) {
      expect(() => {
        task.retry(LATER);
      }).toThrow(TaskNotRetriable);
    }
  });
});

it('ends after at most its attempts, crashes apart, whatever happens to it', () => {
  const natures = fc.constantFrom<FailureNature>('passing', 'timeout', 'crash');
  fc.assert(
    fc.property(
      fc.array(natures, { minLength: 20, maxLength: 20 }),
      fc.integer({ min: 1, max: 10 }),
      (story, maxAttempts) => {
        let task = create({ maxAttempts });
        const seen: FailureNature[] = [];
        for (const nature of story) {
          if (task.isFinished) break;
          seen.push(nature);
          task = settled(task, failure(nature));
          expectSound(task.state);
        }
        const crashes = seen.filter((nature) => nature === 'crash').length;
        expect(task.state.status).toBe('failed');
        expect(task.state.failures).toHaveLength(seen.length);
        expect(crashes).toBeLessThanOrEqual(MAX_CRASHES);
        expect(seen.length - crashes).toBeLessThanOrEqual(maxAttempts);
        expect(crashes === MAX_CRASHES || seen.length - crashes === maxAttempts).toBe(true);
      },
    ),
  );
});

/** What every task can be relied upon for. */
function expectSound({ status, finishedAt, error, attempt, attemptsBefore }: TaskState): void {
  const isFinal = ['succeeded', 'failed', 'cancelled'].includes(status);
  expect(finishedAt !== null).toBe(isFinal);
  expect(error !== null).toBe(status === 'failed' || status === 'cancelled');
  expect(attemptsBefore).toBeLessThanOrEqual(attempt);
}

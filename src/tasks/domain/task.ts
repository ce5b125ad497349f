import { Aggregate } from '../../kernel/domain/aggregate.js';
import { backoffDelayMs } from './backoff.js';
import { TaskAlreadyFinished, TaskNotRetriable } from './task.errors.js';
import { taskEvent } from './task.events.js';
import type {
  AttemptResult,
  FailureNature,
  FailureReason,
  TaskError,
  TaskSpec,
  TaskState,
} from './task.state.js';

/** Three crashes of the process under it make a task poison, however many attempts it has left. */
export const MAX_CRASHES = 3;

/** Durable background work. Its row in Postgres is the truth; the broker only carries the wish to run it. */
export class Task extends Aggregate {
  #state: TaskState;

  private constructor(state: TaskState) {
    super();
    this.#state = state;
  }

  static create(spec: TaskSpec, id: string, now: Date): Task {
    const task = new Task({
      ...spec,
      id,
      status: 'new',
      runAt: spec.runAt ?? now,
      idempotencyKey: spec.idempotencyKey ?? null,
      attempt: 0,
      attemptsBefore: 0,
      crashes: 0,
      progress: 0,
      result: null,
      error: null,
      failures: [],
      createdAt: now,
      updatedAt: now,
      startedAt: null,
      finishedAt: null,
    });
    task.record(taskEvent('created', task.state));
    return task;
  }

  static of(state: TaskState): Task {
    return new Task(state);
  }

  /** The same task without the events of this one; for a change that may turn out to be void. */
  copy(): Task {
    return new Task(this.#state);
  }

  get state(): TaskState {
    return this.#state;
  }

  get isFinished(): boolean {
    return this.#state.finishedAt !== null;
  }

  /** To whom it does not belong it is as if it were not there; undefined stands for who may touch all. */
  isOpenTo(userId: string | undefined): boolean {
    return userId === undefined || userId === this.#state.ownerId;
  }

  /** Applies the result of the attempt in progress: success, another attempt later, or the end. */
  settle(result: AttemptResult, now: Date, random: number): void {
    if (result.kind === 'success') {
      this.#finish('succeeded', { result: result.result, progress: 100 }, now);
      return;
    }
    const crashes = this.#state.crashes + (result.nature === 'crash' ? 1 : 0);
    const { attempt } = this.#state;
    const failed = { attempt, code: result.code, message: result.message, at: now.toISOString() };
    const failures = [...this.#state.failures, failed];
    const reason = this.#endOf(result.nature, crashes);
    if (reason) {
      const error = { code: result.code, message: result.message, reason };
      this.#finish('failed', { error, failures, crashes }, now);
      return;
    }
    const crashed = result.nature === 'crash';
    // A crash is not the task's doing: it neither waits nor uses up an attempt.
    const delay = crashed ? 0 : backoffDelayMs(this.#state.backoff, this.#attemptsUsed, random);
    const attemptsBefore = this.#state.attemptsBefore + (crashed ? 1 : 0);
    const runAt = new Date(now.getTime() + delay);
    this.#change({ status: 'new', runAt, failures, crashes, attemptsBefore, progress: 0 }, now);
    this.record(taskEvent('retried', this.#state));
  }

  /** Hands an attempt back that had to stop through no fault of its own, as at shutdown; it is not counted. */
  handBack(now: Date): void {
    const attemptsBefore = this.#state.attemptsBefore + 1;
    this.#change({ status: 'new', runAt: now, attemptsBefore, progress: 0 }, now);
  }

  /** Throws {@link TaskAlreadyFinished}. */
  cancel(now: Date): void {
    if (this.isFinished) throw new TaskAlreadyFinished(this.#state.id, this.#state.status);
    const error: TaskError = {
      code: 'cancelled',
      message: 'The task was cancelled.',
      reason: 'cancelled',
    };
    this.#finish('cancelled', { error }, now);
  }

  /** Gives a failed or cancelled task as many new attempts as it had at first. Throws {@link TaskNotRetriable}. */
  retry(now: Date): void {
    const { status, id, attempt } = this.#state;
    if (status !== 'failed' && status !== 'cancelled') throw new TaskNotRetriable(id, status);
    this.#change(
      {
        status: 'new',
        runAt: now,
        attemptsBefore: attempt,
        crashes: 0,
        progress: 0,
        error: null,
        finishedAt: null,
      },
      now,
    );
    this.record(taskEvent('retried', this.#state));
  }

  get #attemptsUsed(): number {
    return this.#state.attempt - this.#state.attemptsBefore;
  }

  #endOf(nature: FailureNature, crashes: number): FailureReason | undefined {
    if (nature === 'permanent') return 'rejected';
    if (nature === 'crash') return crashes >= MAX_CRASHES ? 'poison' : undefined;
    if (this.#attemptsUsed < this.#state.maxAttempts) return undefined;
    return nature === 'timeout' ? 'timeout' : 'exhausted';
  }

  #finish(
    status: 'succeeded' | 'failed' | 'cancelled',
    change: Partial<TaskState>,
    now: Date,
  ): void {
    this.#change({ ...change, status, finishedAt: now }, now);
    this.record(taskEvent(status, this.#state));
  }

  #change(change: Partial<TaskState>, now: Date): void {
    this.#state = { ...this.#state, ...change, updatedAt: now };
  }
}

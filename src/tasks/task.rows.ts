import type { Backoff } from './domain/backoff.js';
import type {
  FailedAttempt,
  ReplyTo,
  TaskError,
  TaskState,
  TaskStatus,
} from './domain/task.state.js';

/** A row of `tasks.task` as the driver returns it. */
export interface TaskRow {
  readonly id: string;
  readonly kind: string;
  readonly queue: string;
  readonly status: TaskStatus;
  readonly priority: number;
  readonly external: boolean;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly attempts_before: number;
  readonly crashes: number;
  readonly progress: number;
  readonly timeout_ms: number;
  readonly backoff: Backoff;
  readonly payload: unknown;
  readonly result: unknown;
  readonly error: TaskError | null;
  readonly failures: readonly FailedAttempt[] | null;
  readonly run_at: Date;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly lease_owner: string | null;
  readonly lease_expires_at: Date | null;
  readonly idempotency_key: string | null;
  readonly correlation_id: string;
  readonly traceparent: string;
  readonly owner_id: string | null;
  readonly reply_to: ReplyTo | null;
}

export function toState(row: TaskRow): TaskState {
  return {
    id: row.id,
    kind: row.kind,
    queue: row.queue,
    status: row.status,
    priority: row.priority,
    external: row.external,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    attemptsBefore: row.attempts_before,
    crashes: row.crashes,
    progress: row.progress,
    timeoutMs: row.timeout_ms,
    backoff: row.backoff,
    payload: row.payload,
    result: row.result,
    error: row.error,
    failures: row.failures ?? [],
    runAt: row.run_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    idempotencyKey: row.idempotency_key,
    correlationId: row.correlation_id,
    traceparent: row.traceparent,
    ownerId: row.owner_id,
    replyTo: row.reply_to,
  };
}

/** Turns tasks into the parallel arrays that `unnest` takes, one per column. */
export function taskColumns(
  tasks: readonly TaskState[],
  columns: readonly ((task: TaskState) => unknown)[],
): unknown[][] {
  return columns.map((column) => tasks.map(column));
}

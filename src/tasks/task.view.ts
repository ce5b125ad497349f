import type { TaskState } from './domain/task.state.js';
import type { TaskView } from './tasks.dto.js';

/** The columns of a {@link TaskView}, as a query selects them. */
export const VIEW_COLUMNS = `id, kind, queue, status, priority, payload, progress, result, error,
  coalesce(failures, '[]') as failures, attempt, max_attempts, timeout_ms, backoff, idempotency_key,
  correlation_id, owner_id, run_at, created_at, updated_at, started_at, finished_at`;

export function toView(task: TaskState): TaskView {
  return {
    id: task.id,
    kind: task.kind,
    queue: task.queue,
    status: task.status,
    priority: task.priority,
    payload: task.payload,
    progress: task.progress,
    result: task.result,
    error: task.error,
    failures: [...task.failures],
    attempt: task.attempt,
    max_attempts: task.maxAttempts,
    timeout_ms: task.timeoutMs,
    backoff: task.backoff,
    idempotency_key: task.idempotencyKey,
    correlation_id: task.correlationId,
    owner_id: task.ownerId,
    run_at: task.runAt,
    created_at: task.createdAt,
    updated_at: task.updatedAt,
    started_at: task.startedAt,
    finished_at: task.finishedAt,
  };
}

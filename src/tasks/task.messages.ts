import type { Env } from '../kernel/env.js';
import { contextHeaders } from '../kernel/messaging/message-headers.js';
import {
  commandMessage,
  eventMessage,
  type OutboxMessage,
} from '../kernel/outbox/outbox-message.js';
import type { TaskState } from './domain/task.state.js';
import type { TaskEvent } from './domain/task.events.js';

/** Scope of the messages that ask workers to run tasks. */
export const TASK_RUNS = 'task-runs';

/** Tasks of this priority and above have a queue of their own, so that they overtake any backlog below. */
const HIGH_PRIORITY = 5;

/** The lanes of the run queue: two per task queue. */
export function runLanes(env: Env): string[] {
  return env.TASKS_QUEUES.flatMap((queue) => [queue, `${queue}.high`]);
}

/** Names of the broker's queues through which tasks are run. */
export function runQueues(env: Env): string[] {
  return runLanes(env).map((lane) => `${TASK_RUNS}.${lane}`);
}

/** The wish to run a task, due when the task is. It may be lost or doubled: claiming it in Postgres decides. */
export function runMessage(task: TaskState): OutboxMessage {
  const lane = task.priority >= HIGH_PRIORITY ? `${task.queue}.high` : task.queue;
  return commandMessage(
    {
      queue: `${TASK_RUNS}.${lane}`,
      route: 'run',
      body: { task_id: task.id, kind: task.kind, priority: task.priority },
    },
    {
      headers: contextHeaders(task),
      ...(task.runAt > task.updatedAt ? { dueAt: task.runAt } : {}),
    },
  );
}

export function taskEventMessage(event: TaskEvent, task: TaskState): OutboxMessage {
  return eventMessage(event, contextHeaders(task));
}

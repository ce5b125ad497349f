import type { DomainEvent } from '../../kernel/domain/domain-event.js';
import type { TaskState } from './task.state.js';

export const TASK_EVENTS = [
  'created',
  'started',
  'succeeded',
  'failed',
  'cancelled',
  'retried',
] as const;
export type TaskEventName = (typeof TASK_EVENTS)[number];

export type TaskEvent = DomainEvent & { readonly name: TaskEventName };

/** Nothing happens to the task after it, unless somebody asks for another try. */
export const isEnd = (name: TaskEventName): boolean =>
  name === 'succeeded' || name === 'failed' || name === 'cancelled';

/** The event's name on the wire. */
export function taskEventType(name: TaskEventName): string {
  return `tasks.task-${name}.v1`;
}

/** `tasks.task-<name>.v1`: enough to act upon; results over a few kilobytes are better read from the task. */
export function taskEvent(name: TaskEventName, task: TaskState): TaskEvent {
  return {
    name,
    type: taskEventType(name),
    key: task.id,
    data: {
      task_id: task.id,
      kind: task.kind,
      queue: task.queue,
      attempt: task.attempt,
      ...(name === 'succeeded' ? { result: task.result } : {}),
      ...(name === 'failed' ? { error: task.error } : {}),
      ...(name === 'retried' ? { run_at: task.runAt.toISOString() } : {}),
    },
  };
}

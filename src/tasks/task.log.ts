import { Logger } from '@nestjs/common';
import { traceIdOf } from '../kernel/observability/trace-context.js';
import type { TaskEvent } from './domain/task.events.js';
import type { TaskState } from './domain/task.state.js';

export interface TaskChange {
  readonly state: TaskState;
  readonly events: readonly TaskEvent[];
}

const logger = new Logger('Tasks');

const MESSAGES = {
  created: 'Task created',
  started: 'Task in progress',
  succeeded: 'Task succeeded',
  failed: 'Task failed',
  cancelled: 'Task cancelled',
  retried: 'Task to be tried again',
} as const;

/** Logs what happened to tasks, each in its own trace. Call it once that is committed. */
export function logTransitions(changes: readonly TaskChange[]): void {
  for (const { state, events } of changes) {
    for (const event of events) if (isToldHere(event, state)) logTransition(state, event.name);
  }
}

export function logTransition(state: TaskState, name: TaskEvent['name']): void {
  const about = {
    // Said outright, because opening the context of each task would cost more than all the rest of the line.
    trace_id: traceIdOf(state.traceparent),
    correlation_id: state.correlationId,
    task_id: state.id,
    kind: state.kind,
    attempt: state.attempt,
    ...(name === 'retried' ? { run_at: state.runAt } : {}),
    ...(name === 'failed' ? { code: state.error?.code, reason: state.error?.reason } : {}),
  };
  if (name === 'failed') logger.warn(about, MESSAGES[name]);
  else logger.log(about, MESSAGES[name]);
}

/** The worker tells of the successes of its own runs, with what only it knows. */
function isToldHere({ name }: TaskEvent, { external }: TaskState): boolean {
  return name !== 'succeeded' || external;
}

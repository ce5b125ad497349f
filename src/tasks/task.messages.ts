import type { Env } from '../kernel/env.js';
import { contextHeaders } from '../kernel/messaging/message-headers.js';
import {
  commandMessage,
  eventMessage,
  type OutboxMessage,
} from '../kernel/outbox/outbox-message.js';
import type { TaskState } from './domain/task.state.js';
import { isEnd, type TaskEvent } from './domain/task.events.js';

/** Scope of the messages that ask workers to run tasks. */
export const TASK_RUNS = 'task-runs';

/** Tasks of this priority and above have a queue of their own, so that they overtake any backlog below. */
const HIGH_PRIORITY = 5;

/**
 * Tasks in one message: enough to make the messages cheap, few enough to be spread over the workers evenly.
 */
export const TASKS_PER_RUN_MESSAGE = 8;

/** The lanes of the run queue: two per task queue. */
export function runLanes(env: Env): string[] {
  return env.TASKS_QUEUES.flatMap((queue) => [queue, `${queue}.high`]);
}

/** How long a message is put aside whose tasks wait for their kinds, and keep those of others from coming. */
export const ASIDE = '5s';

/** Full messages bring twice as many tasks as there are slots, so that none of them is ever empty. */
export function runPrefetch(env: Env): number {
  return Math.max(16, Math.ceil((2 * env.TASKS_CONCURRENCY) / TASKS_PER_RUN_MESSAGE));
}

/** Names of the broker's queues through which tasks are run. */
export function runQueues(env: Env): string[] {
  return runLanes(env).map((lane) => `${TASK_RUNS}.${lane}`);
}

/**
 * Asks workers to run tasks that are new: those that are due share messages, a later one has its own, due when it is.
 * Such a message may be lost or doubled: claiming the task in Postgres decides.
 */
export function runMessages(tasks: readonly TaskState[]): OutboxMessage[] {
  const later = tasks.filter((task) => task.runAt > task.updatedAt);
  const due = tasks.filter((task) => task.runAt <= task.updatedAt);
  const lanes = Map.groupBy(due, laneOf);
  return [
    ...later.map((task) => runMessage([task], laneOf(task))),
    ...[...lanes].flatMap(([lane, all]) => chunksOf(all).map((some) => runMessage(some, lane))),
  ];
}

function laneOf(task: TaskState): string {
  return task.priority >= HIGH_PRIORITY ? `${task.queue}.high` : task.queue;
}

function chunksOf(tasks: readonly TaskState[]): TaskState[][] {
  const count = Math.ceil(tasks.length / TASKS_PER_RUN_MESSAGE);
  return Array.from({ length: count }, (_, index) =>
    tasks.slice(index * TASKS_PER_RUN_MESSAGE, (index + 1) * TASKS_PER_RUN_MESSAGE),
  );
}

function runMessage(tasks: readonly TaskState[], lane: string): OutboxMessage {
  const [first] = tasks;
  const body = {
    tasks: tasks.map(({ id, kind, priority }) => ({ task_id: id, kind, priority })),
  };
  return commandMessage(
    { queue: `${TASK_RUNS}.${lane}`, route: 'run', body },
    {
      // Each run goes on in its own task's trace; a message for one task belongs to that trace, too.
      ...(first && tasks.length === 1 ? { headers: contextHeaders(first) } : {}),
      ...(first && first.runAt > first.updatedAt ? { dueAt: first.runAt } : {}),
    },
  );
}

export function taskEventMessage(event: TaskEvent, task: TaskState): OutboxMessage {
  return eventMessage(event, contextHeaders(task));
}

/** An event with the task as it was after it. */
export interface Told {
  readonly event: TaskEvent;
  readonly state: TaskState;
}

/** Told to the asker alone. */
export const isReply = ({ event, state }: Told): boolean =>
  state.replyTo !== null && isEnd(event.name);

/** How many ends, and about how many characters of them, make one message. */
const ENDS_PER_REPLY = 25;
const CHARACTERS_PER_REPLY = 256 * 1_024;

/** Tells askers how their tasks ended: many ends in a message, because whoever asks for many waits for many. */
export function replyMessages(told: readonly Told[]): OutboxMessage[] {
  const byAsker = Map.groupBy(told, ({ state: { replyTo } }) =>
    JSON.stringify([replyTo?.queue, replyTo?.route]),
  );
  return [...byAsker.values()].flatMap((some) => {
    const [{ state } = {}] = some;
    if (!state?.replyTo) return [];
    const { queue, route } = state.replyTo;
    return packed(some.map(endOf)).map((ends) => commandMessage({ queue, route, body: { ends } }));
  });
}

const endOf = ({ event, state }: Told): object => ({
  mark: state.replyTo?.mark,
  task_id: state.id,
  kind: state.kind,
  status: event.name,
  ...(event.name === 'succeeded' ? { result: state.result } : {}),
  ...(event.name === 'failed' ? { error: state.error } : {}),
});

function packed(ends: readonly object[]): object[][] {
  const packs: object[][] = [];
  let room = 0;
  for (const end of ends) {
    const characters = JSON.stringify(end).length;
    const last = packs.at(-1);
    if (last && last.length < ENDS_PER_REPLY && characters <= room) {
      last.push(end);
      room -= characters;
    } else {
      packs.push([end]);
      room = CHARACTERS_PER_REPLY - characters;
    }
  }
  return packs;
}

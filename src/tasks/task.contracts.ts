import { z } from 'zod';
import { uuidParam } from '../kernel/http/shapes.js';
import type { EventContract } from '../kernel/messaging/event-contracts.js';
import { TASK_EVENTS, type TaskEventName, taskEventType } from './domain/task.events.js';
import { json, taskView } from './tasks.dto.js';

const about = {
  task_id: uuidParam,
  kind: z.string(),
  queue: z.string(),
  attempt: z.int().min(0).meta({ description: 'Attempts so far, the present one included.' }),
};

const example = {
  task_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
  kind: 'emulate',
  queue: 'default',
  attempt: 1,
};

const CONTRACTS: Readonly<Record<TaskEventName, Omit<EventContract, 'type'>>> = {
  created: {
    description: 'A task was accepted. Published where TASKS_EVENTS names it.',
    schema: z.object(about).meta({ id: 'TaskCreated', examples: [{ ...example, attempt: 0 }] }),
  },
  started: {
    description: 'An attempt at a task has begun. Published where TASKS_EVENTS names it.',
    schema: z.object(about).meta({ id: 'TaskStarted', examples: [example] }),
  },
  succeeded: {
    description: 'A task has ended well, with its result.',
    schema: z
      .object({ ...about, result: json })
      .meta({ id: 'TaskSucceeded', examples: [{ ...example, result: { slept_ms: 5_210 } }] }),
  },
  failed: {
    description: 'A task has ended badly: it is not tried again by itself.',
    schema: z.object({ ...about, error: taskView.shape.error.unwrap() }).meta({
      id: 'TaskFailed',
      examples: [
        {
          ...example,
          attempt: 3,
          error: { code: 'smtp-down', message: 'Connection refused', reason: 'exhausted' },
        },
      ],
    }),
  },
  cancelled: {
    description: 'A task was cancelled before its end.',
    schema: z.object(about).meta({ id: 'TaskCancelled', examples: [example] }),
  },
  retried: {
    description: 'A task will be run again, by itself or on request.',
    schema: z
      .object({ ...about, run_at: z.iso.datetime().meta({ description: 'Not before then.' }) })
      .meta({ id: 'TaskRetried', examples: [{ ...example, run_at: '2025-11-21T09:30:00.000Z' }] }),
  },
};

/** Every event that this module publishes. */
export const TASK_EVENT_CONTRACTS: readonly EventContract[] = TASK_EVENTS.map((name) => ({
  type: taskEventType(name),
  ...CONTRACTS[name],
}));

import { z } from 'zod';
import { pageOf } from '../kernel/http/pages.js';
import { oneOrMany, uuidParam } from '../kernel/http/shapes.js';
import { MISSED_POLICIES } from './domain/task-schedule.js';
import { createTask } from './tasks.dto.js';

/** Each occurrence brings its own time and key. */
const scheduledTask = createTask
  .omit({ run_at: true, idempotency_key: true })
  .meta({ id: 'ScheduledTask', examples: [{ kind: 'emulate', payload: 'nightly' }] });
export type ScheduledTask = z.output<typeof scheduledTask>;

const fields = {
  name: z.string().trim().min(1).max(200),
  cron: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .meta({
      description: 'Minute, hour, day of month, month, day of week; seconds may come before them.',
      examples: ['30 2 * * MON-FRI'],
    }),
  time_zone: z
    .string()
    .min(1)
    .max(100)
    .meta({ examples: ['Europe/Berlin'] }),
  task: scheduledTask,
  missed: z.enum(MISSED_POLICIES).meta({
    description:
      'Occurrences of which nobody took care for a minute, as in an outage: run one for all, or none.',
  }),
  paused: z.boolean(),
};

const EXAMPLE = {
  name: 'nightly report',
  cron: '30 2 * * *',
  time_zone: 'Europe/Berlin',
  task: { kind: 'emulate', payload: 'nightly' },
  missed: 'run_once' as const,
};

export const createSchedule = z
  .strictObject({
    ...fields,
    time_zone: fields.time_zone.default('UTC'),
    missed: fields.missed.default('skip'),
    paused: fields.paused.default(false),
  })
  .meta({ id: 'CreateTaskSchedule', examples: [EXAMPLE] });
export type CreateScheduleRequest = z.output<typeof createSchedule>;
export const createSchedulesBody = oneOrMany(createSchedule, 100);

export const changeSchedule = z
  .strictObject(fields)
  .partial()
  .meta({ id: 'ChangeTaskSchedule', examples: [{ paused: true }, { cron: '0 */6 * * *' }] });
export type ChangeScheduleRequest = z.output<typeof changeSchedule>;

export const scheduleView = z
  .object({
    id: uuidParam,
    ...fields,
    next_runs: z.array(z.iso.datetime()),
    last_run_at: z.iso.datetime().nullable(),
    last_task_id: uuidParam.nullable(),
    last_error: z
      .object({ code: z.string(), message: z.string(), at: z.iso.datetime() })
      .nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'TaskSchedule' });

type Instants = 'last_run_at' | 'created_at' | 'updated_at' | 'next_runs' | 'task';
export type ScheduleView = Omit<z.output<typeof scheduleView>, Instants> & {
  readonly task: object;
  readonly next_runs: readonly Date[];
  readonly last_run_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
};

export const schedulePage = pageOf(scheduleView);

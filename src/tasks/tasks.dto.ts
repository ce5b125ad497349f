import { z } from 'zod';
import { oneOrMany, uuidParam } from '../kernel/http/shapes.js';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import { TASK_STATUSES } from './domain/task.state.js';

const MAX_PAYLOAD_BYTES = 65_536;
const DAY_MS = 86_400_000;

export const taskName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[\w.:-]+$/, 'may hold letters, digits and . _ : -');

export const json = z.unknown().meta({ description: 'Any JSON' });

const payload = json
  .refine((value) => value !== undefined, { error: 'is required: any JSON of up to 64 KiB' })
  .refine((value) => Buffer.byteLength(JSON.stringify(value ?? null)) <= MAX_PAYLOAD_BYTES, {
    error: `must be at most ${String(MAX_PAYLOAD_BYTES)} bytes of JSON; keep large data elsewhere and pass a reference`,
    abort: true,
  })
  .meta({ description: 'Any JSON of up to 64 KiB', examples: ['test task'] });

const backoffShape = z
  .object({
    kind: z.enum(['exponential', 'fixed']).default('exponential'),
    delay_ms: z.int().min(0).max(DAY_MS).default(1_000),
    max_ms: z
      .int()
      .min(0)
      .max(30 * DAY_MS)
      .default(300_000),
    jitter: z.boolean().default(true),
  })
  .meta({
    description:
      'Delays between attempts; exponential ones double, jitter spreads them over zero to full.',
  });

export const createTask = z
  .strictObject({
    payload,
    kind: taskName
      .default('emulate')
      .meta({ description: 'What is to be done; see GET /task-kinds.' }),
    queue: taskName.default('default'),
    priority: z
      .int()
      .min(0)
      .max(10)
      .default(0)
      .meta({ description: '5 and above overtake every backlog below.' }),
    run_at: z.iso
      .datetime({ offset: true })
      .optional()
      .meta({ description: 'Not before this instant; default: now.' }),
    max_attempts: z.int().min(1).max(100).optional(),
    timeout_ms: z
      .int()
      .min(1)
      .max(7 * DAY_MS)
      .optional()
      .meta({ description: 'Of one attempt; default 300,000.' }),
    backoff: backoffShape.optional(),
    idempotency_key: z.string().min(1).max(255).optional().meta({
      description: 'A second task with the same key is not created; the first one is answered.',
    }),
  })
  .meta({ id: 'CreateTask', examples: [{ payload: 'test task' }] });

export type CreateTaskRequest = z.output<typeof createTask>;

export const createTasksBody = oneOrMany(createTask);

export const taskView = z
  .object({
    id: uuidParam,
    kind: z.string(),
    queue: z.string(),
    status: z.enum(TASK_STATUSES),
    priority: z.int(),
    payload: json,
    progress: z.int().min(0).max(100),
    result: json,
    error: z
      .object({
        code: z.string(),
        message: z.string(),
        reason: z.enum(['exhausted', 'poison', 'timeout', 'cancelled', 'rejected']),
      })
      .nullable(),
    failures: z.array(
      z.object({ attempt: z.int(), code: z.string(), message: z.string(), at: z.iso.datetime() }),
    ),
    attempt: z.int(),
    max_attempts: z.int(),
    timeout_ms: z.int(),
    backoff: backoffShape,
    idempotency_key: z.string().nullable(),
    correlation_id: z.string(),
    owner_id: z.uuid().nullable().meta({ description: 'The user who created it.' }),
    run_at: z.iso.datetime(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    finished_at: z.iso.datetime().nullable(),
  })
  .meta({
    id: 'Task',
    examples: [
      {
        id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        kind: 'emulate',
        queue: 'default',
        status: 'succeeded',
        priority: 0,
        payload: 'test task',
        progress: 100,
        result: { slept_ms: 5_210 },
        error: null,
        failures: [
          { attempt: 1, code: 'error', message: 'Bad luck', at: '2025-11-21T09:30:06.000Z' },
        ],
        attempt: 2,
        max_attempts: 3,
        timeout_ms: 300_000,
        backoff: { kind: 'exponential', delay_ms: 1_000, max_ms: 300_000, jitter: true },
        idempotency_key: null,
        correlation_id: '4bf92f3577b34da6a3ce929d0e0e4736',
        owner_id: null,
        run_at: '2025-11-21T09:30:06.412Z',
        created_at: '2025-11-21T09:30:00.000Z',
        updated_at: '2025-11-21T09:30:11.622Z',
        started_at: '2025-11-21T09:30:00.018Z',
        finished_at: '2025-11-21T09:30:11.622Z',
      },
    ],
  });

export type TaskView = Omit<
  z.output<typeof taskView>,
  'run_at' | 'created_at' | 'updated_at' | 'started_at' | 'finished_at'
> & {
  readonly run_at: Date;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
};

export const taskPage = pageOf(taskView);

export const taskFilter = z.object({
  status: z.enum(TASK_STATUSES).optional(),
  kind: z.string().optional(),
  queue: z.string().optional(),
  created_after: z.iso.datetime({ offset: true }).optional(),
});

export type TaskFilter = z.output<typeof taskFilter>;

export const listTasksQuery = pageQuery.extend(taskFilter.shape);
export type ListTasksRequest = z.output<typeof listTasksQuery>;

/** Body of the message that asks workers to run tasks. */
export const runTasks = z.object({
  tasks: z.array(z.object({ task_id: uuidParam, kind: z.string(), priority: z.int() })).min(1),
});
export type RunTasksRequest = z.output<typeof runTasks>;
export type RunTaskRequest = RunTasksRequest['tasks'][number];

const statusCounts = z.object(
  Object.fromEntries(TASK_STATUSES.map((status) => [status, z.int()])) as Record<
    (typeof TASK_STATUSES)[number],
    z.ZodInt
  >,
);
export type StatusCounts = z.output<typeof statusCounts>;

export const taskSummary = z
  .object({
    total: z.int(),
    by_status: statusCounts,
    kinds: z.array(z.object({ kind: z.string(), by_status: statusCounts })),
  })
  .meta({ id: 'TaskSummary' });
export type TaskSummary = z.output<typeof taskSummary>;

const jsonSchema = z.looseObject({}).meta({ description: 'A JSON Schema; {} takes any JSON' });

export const taskKindList = z.object({
  items: z.array(
    z
      .object({
        kind: z.string(),
        external: z.boolean().meta({ description: 'Run by workers that lease its tasks.' }),
        payload_schema: jsonSchema,
        result_schema: jsonSchema,
        max_attempts: z.int(),
        timeout_ms: z.int(),
        backoff: backoffShape,
        concurrency: z.int().nullable().meta({
          description: 'Runs at once in one process; null for external kinds.',
        }),
      })
      .meta({ id: 'TaskKind' }),
  ),
});
export type TaskKindView = z.output<typeof taskKindList>['items'][number];

const retriableFilter = z.strictObject({
  status: z.enum(['failed', 'cancelled']).default('failed'),
  kind: z.string().optional(),
  queue: z.string().optional(),
  created_after: z.iso.datetime({ offset: true }).optional(),
});
export type RetriableFilter = z.output<typeof retriableFilter>;

export const bulkRetry = z
  .strictObject({
    filter: retriableFilter.prefault({}),
    limit: z.int().min(1).max(100_000).default(10_000).meta({
      description: 'Tasks of one call at most; call again while some remain.',
    }),
    dry_run: z.boolean().default(false).meta({ description: 'Only count what matches.' }),
  })
  .meta({
    id: 'RetryTasks',
    examples: [
      { filter: { status: 'failed', kind: 'emulate' }, dry_run: true },
      { filter: { created_after: '2025-11-21T00:00:00Z' }, limit: 500 },
    ],
  });
export type BulkRetryRequest = z.output<typeof bulkRetry>;

export const bulkRetryAnswer = z
  .object({
    matched: z.int(),
    retried: z.int().optional(),
    remaining: z.int().optional(),
    dry_run: z.literal(true).optional(),
  })
  .meta({ id: 'RetriedTasks', examples: [{ matched: 1_200, retried: 500, remaining: 700 }] });
export type BulkRetryAnswer = z.output<typeof bulkRetryAnswer>;

import { z } from 'zod';
import { MAX_RESULT_BYTES } from './domain/task.state.js';
import { json, taskName, taskView } from './tasks.dto.js';

const leaseMs = z
  .int()
  .min(1_000)
  .max(3_600_000)
  .default(30_000)
  .meta({ description: 'How long the task is the worker’s; a heartbeat prolongs it.' });

const token = z.uuid().meta({ examples: ['5f0c1f4e-8d39-4c5b-9a35-0d7e2f3b8c11'] });

const percent = z.int().min(0).max(100);

export const leaseTasks = z
  .strictObject({
    kinds: z.array(taskName).min(1).max(50),
    max: z.int().min(1).max(100).default(1),
    wait_ms: z.int().min(0).max(30_000).default(0).meta({
      description: 'How long to wait for the first task; 0 answers at once.',
    }),
    lease_ms: leaseMs,
  })
  .meta({
    id: 'LeaseTasks',
    examples: [{ kinds: ['video.transcode'], max: 10, wait_ms: 20_000, lease_ms: 30_000 }],
  });
export type LeaseTasksRequest = z.output<typeof leaseTasks>;

export const leasedTasks = z
  .object({
    items: z.array(
      z.object({ task: taskView, lease_token: token, lease_expires_at: z.iso.datetime() }),
    ),
  })
  .meta({ id: 'LeasedTasks' });

export const heartbeat = z
  .strictObject({ lease_token: token, lease_ms: leaseMs, progress: percent.optional() })
  .meta({
    id: 'TaskHeartbeat',
    examples: [
      { lease_token: '5f0c1f4e-8d39-4c5b-9a35-0d7e2f3b8c11', lease_ms: 30_000, progress: 40 },
    ],
  });
export type HeartbeatRequest = z.output<typeof heartbeat>;

export const progressReport = z.strictObject({ lease_token: token, progress: percent }).meta({
  id: 'TaskProgress',
  examples: [{ lease_token: '5f0c1f4e-8d39-4c5b-9a35-0d7e2f3b8c11', progress: 40 }],
});
export type ProgressRequest = z.output<typeof progressReport>;

export const leaseView = z.object({ lease_expires_at: z.iso.datetime() }).meta({ id: 'TaskLease' });

export const completion = z
  .strictObject({
    lease_token: token,
    result: json
      .refine((value) => Buffer.byteLength(JSON.stringify(value ?? null)) <= MAX_RESULT_BYTES, {
        error: `must be at most ${String(MAX_RESULT_BYTES)} bytes of JSON; keep large data elsewhere and answer a reference`,
      })
      .optional(),
  })
  .meta({
    id: 'TaskCompletion',
    examples: [
      { lease_token: '5f0c1f4e-8d39-4c5b-9a35-0d7e2f3b8c11', result: { url: 's3://out/1.mp4' } },
    ],
  });
export type CompletionRequest = z.output<typeof completion>;

export const failure = z
  .strictObject({
    lease_token: token,
    code: z.string().min(1).max(100).default('error'),
    message: z.string().min(1).max(2_000),
    permanent: z.boolean().default(false).meta({
      description: 'Another attempt cannot help: the task fails at once.',
    }),
  })
  .meta({
    id: 'TaskFailure',
    examples: [
      {
        lease_token: '5f0c1f4e-8d39-4c5b-9a35-0d7e2f3b8c11',
        code: 'codec-unknown',
        message: 'There is no decoder for this file.',
        permanent: true,
      },
    ],
  });
export type FailureRequest = z.output<typeof failure>;

import type { z } from 'zod';
import { completion, failure, heartbeat, leaseTasks, progressReport } from './task-leases.dto.js';
import { changeSchedule, createSchedule } from './task-schedules.dto.js';
import { bulkRetry, createTask } from './tasks.dto.js';

const bodies: Record<string, z.ZodType> = {
  createTask,
  bulkRetry,
  leaseTasks,
  heartbeat,
  progressReport,
  completion,
  failure,
  createSchedule,
  changeSchedule,
};

it.each(Object.entries(bodies))('the documented examples of %s are accepted', (_name, body) => {
  const { examples } = body.meta() as { examples: unknown[] };
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) expect(body.safeParse(example)).toMatchObject({ success: true });
});

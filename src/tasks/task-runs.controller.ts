import { Body, Controller } from '@nestjs/common';
import { SystemDoor } from '../kernel/access/access.decorators.js';
import type { Env } from '../kernel/env.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { runLanes, TASK_RUNS, TASKS_PER_RUN_MESSAGE } from './task.messages.js';
import { runTasks, type RunTasksRequest } from './tasks.dto.js';
import { TaskWorker } from './worker/task-worker.js';

/** Full messages bring twice as many tasks as there are slots, so that none of them is ever empty. */
function prefetch(env: Env): number {
  return Math.max(16, Math.ceil((2 * env.TASKS_CONCURRENCY) / TASKS_PER_RUN_MESSAGE));
}

/** The door through which workers are asked to run tasks. */
@Controller()
@MessageScope(TASK_RUNS, { lanes: runLanes, prefetch })
export class TaskRunsController {
  constructor(private readonly worker: TaskWorker) {}

  /** Ends when every task was claimed or turned out to be somebody else's; a repetition finds the same. */
  @SystemDoor()
  @OnMessage('run', { idempotent: true })
  async run(@Body({ schema: runTasks }) { tasks }: RunTasksRequest): Promise<void> {
    const taken = await Promise.allSettled(tasks.map((task) => this.worker.take(task)));
    const failed = taken.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

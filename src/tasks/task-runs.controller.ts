import { Body, Controller } from '@nestjs/common';
import { SystemDoor } from '../kernel/access/access.decorators.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { runLanes, runPrefetch, TASK_RUNS } from './task.messages.js';
import { runTasks, type RunTasksRequest } from './tasks.dto.js';
import { TaskWorker } from './worker/task-worker.js';

/** The door through which workers are asked to run tasks. */
@Controller()
@MessageScope(TASK_RUNS, { lanes: runLanes, prefetch: runPrefetch })
export class TaskRunsController {
  constructor(private readonly worker: TaskWorker) {}

  /** Ends when every task was claimed or turned out to be somebody else's; a repetition finds the same. */
  @SystemDoor()
  @OnMessage('run', { idempotent: true })
  async run(@Body({ schema: runTasks }) { tasks }: RunTasksRequest): Promise<void> {
    const taken = await Promise.allSettled(tasks.map((task) => this.worker.take(task, tasks)));
    const failed = taken.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

import { Body, Controller } from '@nestjs/common';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { runLanes, TASK_RUNS } from './task.messages.js';
import { runTask, type RunTaskRequest } from './tasks.dto.js';
import { TaskWorker } from './worker/task-worker.js';

/** The door through which workers are asked to run tasks. */
@Controller()
@MessageScope(TASK_RUNS, { lanes: runLanes, prefetch: (env) => env.TASKS_CONCURRENCY })
export class TaskRunsController {
  constructor(private readonly worker: TaskWorker) {}

  @OnMessage('run', { idempotent: true })
  run(@Body({ schema: runTask }) body: RunTaskRequest): Promise<void> {
    return this.worker.take(body);
  }
}

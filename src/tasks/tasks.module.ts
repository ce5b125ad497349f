import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ENV, type Env } from '../kernel/env.js';
import { CancelTaskHandler } from './commands/cancel-task.js';
import { CreateTasksHandler } from './commands/create-tasks.js';
import { FinishAttemptHandler } from './commands/finish-attempt.js';
import { PurgeTasksHandler } from './commands/purge-tasks.js';
import { RecoverTasksHandler } from './commands/recover-tasks.js';
import { RedispatchTasksHandler } from './commands/redispatch-tasks.js';
import { RetryTaskHandler } from './commands/retry-task.js';
import { StartTaskHandler } from './commands/start-task.js';
import { Emulate } from './kinds/emulate.js';
import { Noop } from './kinds/noop.js';
import { GetTaskHandler } from './queries/get-task.js';
import { ListTasksHandler } from './queries/list-tasks.js';
import { TaskCounts } from './queries/task-counts.js';
import { TaskRunsController } from './task-runs.controller.js';
import { TaskRepository } from './task.repository.js';
import { TasksController } from './tasks.controller.js';
import { TaskBacklog } from './worker/task-backlog.js';
import { TaskKinds } from './worker/task-kinds.js';
import { TaskMetrics } from './worker/task.metrics.js';
import { TaskReaper } from './worker/task-reaper.js';
import { TaskWorker } from './worker/task-worker.js';
import { WorkerLease } from './worker/worker-lease.js';
import { WorkerRepository } from './worker.repository.js';

@Module({
  controllers: [TasksController, TaskRunsController],
  providers: [
    CancelTaskHandler,
    CreateTasksHandler,
    Emulate,
    FinishAttemptHandler,
    GetTaskHandler,
    ListTasksHandler,
    Noop,
    PurgeTasksHandler,
    RecoverTasksHandler,
    RedispatchTasksHandler,
    RetryTaskHandler,
    StartTaskHandler,
    TaskBacklog,
    TaskCounts,
    TaskKinds,
    TaskMetrics,
    TaskReaper,
    TaskRepository,
    TaskWorker,
    WorkerLease,
    WorkerRepository,
  ],
})
export class TasksModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly backlog: TaskBacklog,
    private readonly reaper: TaskReaper,
    private readonly worker: TaskWorker,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.backlog.start();
    if (this.env.ROLES.includes('scheduler')) this.reaper.start();
    if (this.env.ROLES.includes('worker')) await this.worker.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.backlog.stop();
    await this.reaper.stop();
    if (this.env.ROLES.includes('worker')) await this.worker.stop();
  }
}

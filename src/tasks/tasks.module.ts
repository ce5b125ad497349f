import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ENV, type Env } from '../kernel/env.js';
import { PublishesEvents } from '../kernel/messaging/event-contracts.js';
import { BeatLeaseHandler } from './commands/beat-lease.js';
import { CancelTaskHandler } from './commands/cancel-task.js';
import { ChangeScheduleHandler } from './commands/change-schedule.js';
import { CreateSchedulesHandler } from './commands/create-schedules.js';
import { DeleteScheduleHandler } from './commands/delete-schedule.js';
import { RunDueSchedulesHandler } from './commands/run-due-schedules.js';
import { GetScheduleHandler, ListSchedulesHandler } from './queries/schedules.js';
import { ScheduleRepository } from './schedule.repository.js';
import { TaskSchedulesController } from './task-schedules.controller.js';
import { TaskScheduler } from './worker/task-scheduler.js';
import { CreateTasksHandler } from './commands/create-tasks.js';
import { FinishAttemptHandler } from './commands/finish-attempt.js';
import { HandBackUnknownHandler } from './commands/hand-back-unknown.js';
import { LeaseTasksHandler } from './commands/lease-tasks.js';
import { PurgeTasksHandler } from './commands/purge-tasks.js';
import { RecoverTasksHandler } from './commands/recover-tasks.js';
import { RedispatchTasksHandler } from './commands/redispatch-tasks.js';
import { RetryTasksHandler } from './commands/retry-tasks.js';
import { RetryTaskHandler } from './commands/retry-task.js';
import { SettleLeaseHandler } from './commands/settle-lease.js';
import { StartTaskHandler } from './commands/start-task.js';
import { Emulate } from './kinds/emulate.js';
import { Noop } from './kinds/noop.js';
import { LeaseRepository } from './lease.repository.js';
import { GetTaskHandler } from './queries/get-task.js';
import { CountTasksHandler } from './queries/count-tasks.js';
import { ListTaskKindsHandler } from './queries/list-task-kinds.js';
import { SummarizeTasksHandler } from './queries/summarize-tasks.js';
import { TaskWatch } from './queries/task-watch.js';
import { TASK_EVENT_CONTRACTS } from './task.contracts.js';
import { TaskEventsController } from './task-events.controller.js';
import { TaskKindsController } from './task-kinds.controller.js';
import { BulkRetry } from './worker/bulk-retry.js';
import { ListTasksHandler } from './queries/list-tasks.js';
import { TaskCounts } from './queries/task-counts.js';
import { TaskLeasesController } from './task-leases.controller.js';
import { TaskRunsController } from './task-runs.controller.js';
import { TaskRepository } from './task.repository.js';
import { TasksController } from './tasks.controller.js';
import { ExternalLeases } from './worker/external-leases.js';
import { TaskBacklog } from './worker/task-backlog.js';
import { TaskKinds } from './worker/task-kinds.js';
import { TaskMetrics } from './worker/task.metrics.js';
import { TaskReaper } from './worker/task-reaper.js';
import { TaskWorker } from './worker/task-worker.js';
import { WorkerLease } from './worker/worker-lease.js';
import { WorkerRepository } from './worker.repository.js';

@Module({
  controllers: [
    TasksController,
    TaskEventsController,
    TaskKindsController,
    TaskLeasesController,
    TaskRunsController,
    TaskSchedulesController,
  ],
  providers: [
    BeatLeaseHandler,
    BulkRetry,
    CancelTaskHandler,
    CountTasksHandler,
    ChangeScheduleHandler,
    CreateSchedulesHandler,
    CreateTasksHandler,
    DeleteScheduleHandler,
    Emulate,
    ExternalLeases,
    FinishAttemptHandler,
    GetScheduleHandler,
    GetTaskHandler,
    HandBackUnknownHandler,
    LeaseRepository,
    LeaseTasksHandler,
    ListSchedulesHandler,
    ListTaskKindsHandler,
    ListTasksHandler,
    Noop,
    PurgeTasksHandler,
    RecoverTasksHandler,
    RedispatchTasksHandler,
    RetryTaskHandler,
    RetryTasksHandler,
    RunDueSchedulesHandler,
    ScheduleRepository,
    SettleLeaseHandler,
    StartTaskHandler,
    SummarizeTasksHandler,
    TaskBacklog,
    TaskCounts,
    TaskKinds,
    TaskMetrics,
    TaskReaper,
    TaskRepository,
    TaskScheduler,
    TaskWatch,
    TaskWorker,
    WorkerLease,
    WorkerRepository,
  ],
})
@PublishesEvents(...TASK_EVENT_CONTRACTS)
export class TasksModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly backlog: TaskBacklog,
    private readonly leases: ExternalLeases,
    private readonly reaper: TaskReaper,
    private readonly scheduler: TaskScheduler,
    private readonly watch: TaskWatch,
    private readonly worker: TaskWorker,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.backlog.start();
    this.leases.start();
    this.watch.start();
    if (this.env.ROLES.includes('scheduler')) {
      this.reaper.start();
      this.scheduler.start();
    }
    if (this.env.ROLES.includes('worker')) await this.worker.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.leases.stop();
    await this.watch.stop();
    await this.backlog.stop();
    await this.scheduler.stop();
    await this.reaper.stop();
    if (this.env.ROLES.includes('worker')) await this.worker.stop();
  }
}

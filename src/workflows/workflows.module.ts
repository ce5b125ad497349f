import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ENV, type Env } from '../kernel/env.js';
import { PublishesEvents } from '../kernel/messaging/event-contracts.js';
import { TasksModule } from '../tasks/index.js';
import { AssignUserTaskHandler } from './commands/assign-user-task.js';
import { CancelChildrenHandler } from './commands/cancel-children.js';
import { ChangeConfigHandler } from './commands/change-config.js';
import { CompleteUserTaskHandler } from './commands/complete-user-task.js';
import { DeliverMessagesHandler } from './commands/deliver-messages.js';
import { ForgetMessagesHandler } from './commands/forget-messages.js';
import { ListenAgainHandler } from './commands/listen-again.js';
import { PublishWorkflowHandler } from './commands/publish-workflow.js';
import { ReconsiderInstancesHandler } from './commands/reconsider-instances.js';
import { ReportSignalsHandler } from './commands/report-signals.js';
import { SaveDraftHandler } from './commands/save-draft.js';
import { SettleJobsHandler } from './commands/settle-jobs.js';
import { StartInstancesHandler } from './commands/start-instances.js';
import { TellInstancesHandler } from './commands/tell-instances.js';
import { DefinitionRepository } from './definition.repository.js';
import { InstanceRepository } from './instance.repository.js';
import { DraftFindings } from './modules/draft-findings.js';
import { ModuleTask } from './modules/module-task.js';
import { WorkflowModules } from './modules/workflow-modules.js';
import { NewsRepository } from './news.repository.js';
import { GetDraftHandler, ListWorkflowsHandler } from './queries/drafts.js';
import {
  GetHistoryHandler,
  GetInstanceHandler,
  GetPositionsHandler,
  ListInstancesHandler,
} from './queries/instances.js';
import { GetUserTaskHandler, ListUserTasksHandler } from './queries/user-tasks.js';
import { GetConfigHandler, GetVersionHandler, ListVersionsHandler } from './queries/versions.js';
import { Children } from './runtime/children.js';
import { InstanceMover } from './runtime/instance-mover.js';
import { Jobs } from './runtime/jobs.js';
import { MessagePurge } from './runtime/message-purge.js';
import { Unheard } from './runtime/unheard.js';
import { UserTaskRepository } from './user-task.repository.js';
import { UserTasksController } from './user-tasks.controller.js';
import { WorkflowInstancesController } from './workflow-instances.controller.js';
import { WorkflowModulesController } from './workflow-modules.controller.js';
import { WorkflowMovesController } from './workflow-moves.controller.js';
import { WorkflowNewsController } from './workflow-news.controller.js';
import { WORKFLOW_EVENT_CONTRACTS } from './workflow.contracts.js';
import { WorkflowRepository } from './workflow.repository.js';
import { WorkflowsController } from './workflows.controller.js';

@Module({
  imports: [TasksModule],
  controllers: [
    UserTasksController,
    WorkflowInstancesController,
    WorkflowModulesController,
    WorkflowMovesController,
    WorkflowNewsController,
    WorkflowsController,
  ],
  providers: [
    AssignUserTaskHandler,
    CancelChildrenHandler,
    ChangeConfigHandler,
    Children,
    CompleteUserTaskHandler,
    DefinitionRepository,
    DeliverMessagesHandler,
    DraftFindings,
    ForgetMessagesHandler,
    GetConfigHandler,
    GetDraftHandler,
    GetHistoryHandler,
    GetInstanceHandler,
    GetPositionsHandler,
    GetUserTaskHandler,
    GetVersionHandler,
    InstanceMover,
    InstanceRepository,
    Jobs,
    ListInstancesHandler,
    ListUserTasksHandler,
    ListVersionsHandler,
    ListWorkflowsHandler,
    ListenAgainHandler,
    MessagePurge,
    ModuleTask,
    NewsRepository,
    PublishWorkflowHandler,
    ReconsiderInstancesHandler,
    ReportSignalsHandler,
    SaveDraftHandler,
    SettleJobsHandler,
    StartInstancesHandler,
    TellInstancesHandler,
    Unheard,
    UserTaskRepository,
    WorkflowModules,
    WorkflowRepository,
  ],
})
@PublishesEvents(...WORKFLOW_EVENT_CONTRACTS)
export class WorkflowsModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly purge: MessagePurge,
  ) {}

  onApplicationBootstrap(): void {
    if (this.env.ROLES.includes('scheduler')) this.purge.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.purge.stop();
  }
}

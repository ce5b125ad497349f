import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ENV, type Env } from '../kernel/env.js';
import { PublishesEvents } from '../kernel/messaging/event-contracts.js';
import { TasksModule } from '../tasks/index.js';
import { AuditRepository } from './audit.repository.js';
import { BatchRepository } from './batch.repository.js';
import { BatchWorkers } from './batches/batch-workers.js';
import { IncidentResolver } from './batches/incident-resolver.js';
import { InstanceMigrator } from './batches/instance-migrator.js';
import { InstanceResumer } from './batches/instance-resumer.js';
import { AdvanceBatchHandler } from './commands/advance-batch.js';
import { CancelBatchHandler } from './commands/cancel-batch.js';
import { CancelChildrenHandler } from './commands/cancel-children.js';
import { ChangeConfigHandler } from './commands/change-config.js';
import { CommentUserTaskHandler } from './commands/comment-user-task.js';
import { CompleteUserTaskHandler } from './commands/complete-user-task.js';
import { CreateWorkflowsHandler } from './commands/create-workflows.js';
import { DeleteLinkHandler } from './commands/delete-link.js';
import { DeliverMessagesHandler } from './commands/deliver-messages.js';
import { EditDraftHandler } from './commands/edit-draft.js';
import { FireStartsHandler } from './commands/fire-starts.js';
import { ForgetMessagesHandler } from './commands/forget-messages.js';
import { LinkWorkflowsHandler } from './commands/link-workflows.js';
import { CreateBatchHandler } from './commands/create-batch.js';
import { FoldHeatHandler } from './commands/fold-heat.js';
import { DropHistoryHandler, PrepareHistoryHandler } from './commands/keep-history.js';
import { HandOverUserTaskHandler } from './commands/hand-over-user-task.js';
import { ListenAgainHandler } from './commands/listen-again.js';
import { MigrateInstanceHandler } from './commands/migrate-instance.js';
import { MigrateWorkflowHandler } from './commands/migrate-workflow.js';
import { PauseWorkflowHandler } from './commands/pause-workflow.js';
import { PublishWorkflowHandler } from './commands/publish-workflow.js';
import { PurgeInstancesHandler } from './commands/purge-instances.js';
import { ReconsiderInstancesHandler } from './commands/reconsider-instances.js';
import { ReportSignalsHandler } from './commands/report-signals.js';
import { SaveDraftHandler } from './commands/save-draft.js';
import { SettleJobsHandler } from './commands/settle-jobs.js';
import { StartInstancesHandler } from './commands/start-instances.js';
import { TellInstancesHandler } from './commands/tell-instances.js';
import { DefinitionRepository } from './definition.repository.js';
import { HeatRepository } from './heat.repository.js';
import { HistoryRepository } from './history.repository.js';
import { IncidentRepository } from './incident.repository.js';
import { InstanceRepository } from './instance.repository.js';
import { LinkRepository } from './link.repository.js';
import { DraftFindings } from './modules/draft-findings.js';
import { Configure } from './modules/configure.js';
import { CallHttp } from './modules/http.js';
import { SendMail } from './modules/mail.js';
import { Mailer } from './modules/mailer.js';
import { ModuleTask } from './modules/module-task.js';
import { WorkflowModules } from './modules/workflow-modules.js';
import { NewsRepository } from './news.repository.js';
import { GetPictureHandler, Plans } from './queries/diagrams.js';
import { ListAuditHandler } from './queries/audit.js';
import {
  GetBatchHandler,
  ListBatchesHandler,
  ListBatchFailuresHandler,
} from './queries/batches.js';
import { GetDraftHandler, ListWorkflowsHandler } from './queries/drafts.js';
import { GetHeatHandler } from './queries/heat.js';
import { ListIncidentsHandler } from './queries/incidents.js';
import {
  GetHistoryHandler,
  GetInstanceHandler,
  GetPositionsHandler,
  ListInstancesHandler,
} from './queries/instances.js';
import { ListLinksHandler } from './queries/links.js';
import { SimulateDraftHandler } from './queries/simulate-draft.js';
import { ListTriggersHandler } from './queries/triggers.js';
import { RunningInstances } from './queries/running-instances.js';
import {
  GetUserTaskHandler,
  ListCommentsHandler,
  ListUserTasksHandler,
} from './queries/user-tasks.js';
import { GetConfigHandler, GetVersionHandler, ListVersionsHandler } from './queries/versions.js';
import { Children } from './runtime/children.js';
import { Links } from './runtime/links.js';
import { CriterionStarts } from './runtime/criterion-starts.js';
import { InstanceMover } from './runtime/instance-mover.js';
import { Jobs } from './runtime/jobs.js';
import { MessagePurge } from './runtime/message-purge.js';
import { MessageStarts } from './runtime/message-starts.js';
import { TriggeredStarts } from './runtime/triggered.js';
import { Unheard } from './runtime/unheard.js';
import { TriggerRepository } from './trigger.repository.js';
import { UserTaskRepository } from './user-task.repository.js';
import { UserTasksController } from './user-tasks.controller.js';
import { WorkflowDiagramsController } from './workflow-diagrams.controller.js';
import { WorkflowDraftsController } from './workflow-drafts.controller.js';
import { Migrator } from './runtime/migrator.js';
import { InstanceRetention } from './retention.repository.js';
import { WorkflowReaper } from './runtime/workflow-reaper.js';
import { SearchRepository } from './search.repository.js';
import { WorkflowBatchesController } from './workflow-batches.controller.js';
import { WorkflowControlController } from './workflow-control.controller.js';
import { WorkflowIncidentsController } from './workflow-incidents.controller.js';
import { WorkflowInstancesController } from './workflow-instances.controller.js';
import { WorkflowLinksController } from './workflow-links.controller.js';
import { WorkflowModulesController } from './workflow-modules.controller.js';
import { WorkflowMovesController } from './workflow-moves.controller.js';
import { WorkflowNewsController } from './workflow-news.controller.js';
import { WORKFLOW_EVENT_CONTRACTS } from './workflow.contracts.js';
import { WorkflowOperationsController } from './workflow-operations.controller.js';
import { WorkflowRepository } from './workflow.repository.js';
import { WorkflowsController } from './workflows.controller.js';

@Module({
  imports: [TasksModule],
  controllers: [
    UserTasksController,
    WorkflowDiagramsController,
    WorkflowDraftsController,
    WorkflowBatchesController,
    WorkflowControlController,
    WorkflowIncidentsController,
    WorkflowInstancesController,
    WorkflowLinksController,
    WorkflowModulesController,
    WorkflowMovesController,
    WorkflowNewsController,
    WorkflowOperationsController,
    WorkflowsController,
  ],
  providers: [
    AdvanceBatchHandler,
    AuditRepository,
    BatchRepository,
    BatchWorkers,
    CancelBatchHandler,
    CallHttp,
    CancelChildrenHandler,
    ChangeConfigHandler,
    Children,
    CommentUserTaskHandler,
    CompleteUserTaskHandler,
    CreateWorkflowsHandler,
    CriterionStarts,
    CreateBatchHandler,
    Configure,
    DefinitionRepository,
    DeleteLinkHandler,
    DeliverMessagesHandler,
    DraftFindings,
    EditDraftHandler,
    FireStartsHandler,
    DropHistoryHandler,
    FoldHeatHandler,
    ForgetMessagesHandler,
    GetBatchHandler,
    GetConfigHandler,
    GetDraftHandler,
    GetHeatHandler,
    GetHistoryHandler,
    GetInstanceHandler,
    GetPictureHandler,
    GetPositionsHandler,
    GetUserTaskHandler,
    GetVersionHandler,
    HeatRepository,
    HistoryRepository,
    IncidentRepository,
    IncidentResolver,
    InstanceMigrator,
    HandOverUserTaskHandler,
    InstanceMover,
    InstanceRepository,
    InstanceResumer,
    InstanceRetention,
    Jobs,
    LinkRepository,
    LinkWorkflowsHandler,
    Links,
    ListAuditHandler,
    ListBatchesHandler,
    ListBatchFailuresHandler,
    ListIncidentsHandler,
    ListCommentsHandler,
    ListInstancesHandler,
    ListLinksHandler,
    ListUserTasksHandler,
    ListVersionsHandler,
    ListWorkflowsHandler,
    ListTriggersHandler,
    ListenAgainHandler,
    Mailer,
    MessagePurge,
    MessageStarts,
    ModuleTask,
    NewsRepository,
    Plans,
    MigrateInstanceHandler,
    MigrateWorkflowHandler,
    Migrator,
    PauseWorkflowHandler,
    PrepareHistoryHandler,
    PublishWorkflowHandler,
    PurgeInstancesHandler,
    ReconsiderInstancesHandler,
    ReportSignalsHandler,
    RunningInstances,
    SaveDraftHandler,
    SearchRepository,
    SendMail,
    SettleJobsHandler,
    SimulateDraftHandler,
    StartInstancesHandler,
    TellInstancesHandler,
    TriggerRepository,
    TriggeredStarts,
    Unheard,
    UserTaskRepository,
    WorkflowModules,
    WorkflowReaper,
    WorkflowRepository,
  ],
})
@PublishesEvents(...WORKFLOW_EVENT_CONTRACTS)
export class WorkflowsModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly purge: MessagePurge,
    private readonly reaper: WorkflowReaper,
  ) {}

  onApplicationBootstrap(): void {
    if (!this.env.ROLES.includes('scheduler')) return;
    this.purge.start();
    this.reaper.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([this.purge.stop(), this.reaper.stop()]);
  }
}

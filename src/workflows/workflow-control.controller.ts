import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, RequiresRight } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import type { Page } from '../kernel/http/pages.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { MigrateWorkflow } from './commands/migrate-workflow.js';
import { PauseWorkflow } from './commands/pause-workflow.js';
import { ListAudit } from './queries/audit.js';
import { GetHeat } from './queries/heat.js';
import { WORKFLOWS } from './runtime/messages.js';
import { DESIGN, idOf, OPERATE } from './workflow.access.js';
import { type BatchView, batchView } from './workflow-batches.dto.js';
import {
  auditPage,
  auditQuery,
  type AuditRequest,
  type AuditView,
  heatQuery,
  type HeatRequest,
  type HeatView,
  heatView,
  type WorkflowPauseView,
  workflowPauseView,
} from './workflow-control.dto.js';
import { migrateAllBody, type MigrateAllRequest } from './workflow-migrations.dto.js';
import { pauseBody, type PauseRequest } from './workflow-operations.dto.js';
import { workflowKey } from './workflows.dto.js';

@ApiTags('workflow operations')
@Controller('workflows')
@MessageScope(WORKFLOWS)
export class WorkflowControlController {
  constructor(private readonly mediator: Mediator) {}

  @RequiresRight(OPERATE)
  @Post(':key/pause')
  @OnMessage('workflows/:key/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let nothing begin in any instance, or at one node of all' })
  @ApiAnswer(workflowPauseView)
  pause(
    @Param('key', { schema: workflowKey }) key: string,
    @Body({ schema: pauseBody }) { node }: PauseRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<WorkflowPauseView> {
    return this.mediator.execute(new PauseWorkflow(key, { isPaused: true, node }, idOf(caller)));
  }

  @RequiresRight(OPERATE)
  @Post(':key/resume')
  @OnMessage('workflows/:key/resume')
  @HttpCode(202)
  @ApiOperation({ summary: 'Go on after a pause; a batch reaches those that were held' })
  @ApiAnswer(workflowPauseView, { status: 202 })
  resume(
    @Param('key', { schema: workflowKey }) key: string,
    @Body({ schema: pauseBody }) { node }: PauseRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<WorkflowPauseView> {
    return this.mediator.execute(new PauseWorkflow(key, { isPaused: false, node }, idOf(caller)));
  }

  @RequiresRight(OPERATE)
  @Post(':key/migrate')
  @OnMessage('workflows/:key/migrate')
  @HttpCode(202)
  @Idempotent()
  @ApiOperation({
    summary: 'Take running instances to another version, or tell what would go wrong',
  })
  @ApiAnswer(batchView, { status: 202, description: 'The batch, which tells its progress' })
  migrate(
    @Param('key', { schema: workflowKey }) key: string,
    @Body({ schema: migrateAllBody }) body: MigrateAllRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<BatchView> {
    return this.mediator.execute(new MigrateWorkflow(key, body, idOf(caller)));
  }

  @Get(':key/heat')
  @ApiOperation({ summary: 'Count what is at each node now, and how often it was done' })
  @ApiAnswer(heatView)
  heat(
    @Param('key', { schema: workflowKey }) key: string,
    @Query({ schema: heatQuery }) { version }: HeatRequest,
  ): Promise<HeatView> {
    return this.mediator.ask(new GetHeat(key, version));
  }

  @RequiresRight(DESIGN)
  @Get(':key/audit')
  @ApiOperation({ summary: 'List who has changed what of a workflow, newest first' })
  @ApiAnswer(auditPage)
  audit(
    @Param('key', { schema: workflowKey }) key: string,
    @Query({ schema: auditQuery }) query: AuditRequest,
  ): Promise<Page<AuditView>> {
    return this.mediator.ask(new ListAudit(key, query));
  }
}

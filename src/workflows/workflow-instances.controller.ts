import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import type { Page } from '../kernel/http/pages.js';
import { inTheSameShape, uuidParam } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { StartInstances } from './commands/start-instances.js';
import { answerOf, TellInstances } from './commands/tell-instances.js';
import type { WorkflowCommand } from './engine/commands.js';
import { GetHistory, GetInstance, GetPositions, ListInstances } from './queries/instances.js';
import { WORKFLOWS } from './runtime/messages.js';
import { OPERATE } from './workflow.access.js';
import {
  type HistoryEntry,
  historyPage,
  historyQuery,
  type HistoryRequest,
  instancePage,
  type InstanceView,
  instanceView,
  listInstancesQuery,
  type ListInstancesRequest,
  positions,
  type PositionView,
  startInstancesBody,
  type StartRequest,
  tokenChoice,
  type TokenChoice,
} from './workflow-instances.dto.js';

@ApiTags('workflow instances')
@Controller('workflow-instances')
@MessageScope(WORKFLOWS)
export class WorkflowInstancesController {
  constructor(private readonly mediator: Mediator) {}

  @Post()
  @OnMessage('instances/start')
  @Idempotent()
  @ApiOperation({ summary: 'Start an instance, or up to 1,000 at once' })
  @ApiAnswer(instanceView, { status: 201, description: 'As it is at its first waits, or its end' })
  start(
    @Body({ schema: startInstancesBody }) body: StartRequest | StartRequest[],
  ): Promise<InstanceView | readonly InstanceView[]> {
    return inTheSameShape(body, (requests) => this.mediator.execute(new StartInstances(requests)));
  }

  @Get()
  @ApiOperation({ summary: 'List instances, newest first' })
  @ApiAnswer(instancePage)
  list(
    @Query({ schema: listInstancesQuery }) query: ListInstancesRequest,
  ): Promise<Page<InstanceView>> {
    return this.mediator.ask(new ListInstances(query));
  }

  @Get(':instance_id')
  @ApiOperation({ summary: 'Get an instance' })
  @ApiAnswer(instanceView)
  get(@Param('instance_id', { schema: uuidParam }) id: string): Promise<InstanceView> {
    return this.mediator.ask(new GetInstance(id));
  }

  @Get(':instance_id/history')
  @ApiOperation({ summary: 'List what an instance was told and what came of it, first to last' })
  @ApiAnswer(historyPage)
  history(
    @Param('instance_id', { schema: uuidParam }) id: string,
    @Query({ schema: historyQuery }) query: HistoryRequest,
  ): Promise<Page<HistoryEntry>> {
    return this.mediator.ask(new GetHistory(id, query));
  }

  @Get(':instance_id/positions')
  @ApiOperation({ summary: 'List where the tokens of an instance are' })
  @ApiAnswer(positions)
  async positions(
    @Param('instance_id', { schema: uuidParam }) id: string,
  ): Promise<{ items: readonly PositionView[] }> {
    return { items: await this.mediator.ask(new GetPositions(id)) };
  }

  @RequiresRight(OPERATE)
  @Post(':instance_id/cancel')
  @OnMessage('instances/:instance_id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel an instance, or what one of its tokens does' })
  @ApiAnswer(instanceView)
  @ApiProblems(409)
  cancel(
    @Param('instance_id', { schema: uuidParam }) id: string,
    @Body({ schema: tokenChoice }) { token }: TokenChoice,
  ): Promise<InstanceView> {
    return this.#tell(id, { type: 'cancel', ...(token !== undefined && { token }) });
  }

  @RequiresRight(OPERATE)
  @Post(':instance_id/retry')
  @OnMessage('instances/:instance_id/retry')
  @HttpCode(200)
  @ApiOperation({ summary: 'Try again what is stuck' })
  @ApiAnswer(instanceView)
  @ApiProblems(409)
  retry(
    @Param('instance_id', { schema: uuidParam }) id: string,
    @Body({ schema: tokenChoice }) { token }: TokenChoice,
  ): Promise<InstanceView> {
    return this.#tell(id, { type: 'retry', ...(token !== undefined && { token }) });
  }

  async #tell(instanceId: string, command: WorkflowCommand): Promise<InstanceView> {
    return answerOf(await this.mediator.execute(new TellInstances([{ instanceId, command }])));
  }
}

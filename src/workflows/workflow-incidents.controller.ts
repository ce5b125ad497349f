import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, RequiresRight } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import type { Page } from '../kernel/http/pages.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { CreateBatch } from './commands/create-batch.js';
import { ListIncidents } from './queries/incidents.js';
import { WORKFLOWS } from './runtime/messages.js';
import { idOf, OPERATE } from './workflow.access.js';
import { type BatchView, batchView } from './workflow-batches.dto.js';
import {
  incidentPage,
  type IncidentView,
  listIncidentsQuery,
  type ListIncidentsRequest,
  resolveIncidents,
  type ResolveIncidentsRequest,
} from './workflow-incidents.dto.js';

@ApiTags('workflow operations')
@Controller('incidents')
@MessageScope(WORKFLOWS)
@RequiresRight(OPERATE)
export class WorkflowIncidentsController {
  constructor(private readonly mediator: Mediator) {}

  @Get()
  @ApiOperation({ summary: 'List what is stuck, that of the oldest instance first' })
  @ApiAnswer(incidentPage)
  list(
    @Query({ schema: listIncidentsQuery }) query: ListIncidentsRequest,
  ): Promise<Page<IncidentView>> {
    return this.mediator.ask(new ListIncidents(query));
  }

  @Post('resolve')
  @OnMessage('incidents/resolve')
  @HttpCode(202)
  @Idempotent()
  @ApiOperation({ summary: 'Set variables and try again, wherever the filter matches' })
  @ApiAnswer(batchView, { status: 202, description: 'The batch, which tells its progress' })
  resolve(
    @Body({ schema: resolveIncidents }) { filter, variables }: ResolveIncidentsRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<BatchView> {
    const work = { kind: 'resolve-incidents', filter, variables } as const;
    return this.mediator.execute(new CreateBatch(work, idOf(caller)));
  }
}

import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight, SystemDoor } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import type { Page } from '../kernel/http/pages.js';
import { uuidParam } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { AdvanceBatch } from './commands/advance-batch.js';
import { CancelBatch } from './commands/cancel-batch.js';
import { GetBatch, ListBatches, ListBatchFailures } from './queries/batches.js';
import { WORKFLOWS } from './runtime/messages.js';
import { OPERATE } from './workflow.access.js';
import {
  advanceBatch,
  type AdvanceBatchRequest,
  batchFailurePage,
  type BatchFailureView,
  batchPage,
  type BatchView,
  batchView,
  listBatchesQuery,
  type ListBatchesRequest,
  listBatchFailuresQuery,
  type ListBatchFailuresRequest,
} from './workflow-batches.dto.js';

/** What is done to many instances, and how far it is. */
@ApiTags('workflow operations')
@Controller('workflow-batches')
@MessageScope(WORKFLOWS)
@RequiresRight(OPERATE)
export class WorkflowBatchesController {
  constructor(private readonly mediator: Mediator) {}

  @Get()
  @ApiOperation({ summary: 'List batches, newest first' })
  @ApiAnswer(batchPage)
  list(@Query({ schema: listBatchesQuery }) query: ListBatchesRequest): Promise<Page<BatchView>> {
    return this.mediator.ask(new ListBatches(query));
  }

  @Get(':batch_id')
  @ApiOperation({ summary: 'Get a batch, with its progress' })
  @ApiAnswer(batchView)
  get(@Param('batch_id', { schema: uuidParam }) id: string): Promise<BatchView> {
    return this.mediator.ask(new GetBatch(id));
  }

  @Get(':batch_id/failures')
  @ApiOperation({ summary: 'List the instances in which a batch failed, and why' })
  @ApiAnswer(batchFailurePage)
  failures(
    @Param('batch_id', { schema: uuidParam }) id: string,
    @Query({ schema: listBatchFailuresQuery }) query: ListBatchFailuresRequest,
  ): Promise<Page<BatchFailureView>> {
    return this.mediator.ask(new ListBatchFailures(id, query));
  }

  @Post(':batch_id/cancel')
  @OnMessage('batches/:batch_id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Leave what a batch has not done yet' })
  @ApiAnswer(batchView)
  @ApiProblems(409)
  cancel(@Param('batch_id', { schema: uuidParam }) id: string): Promise<BatchView> {
    return this.mediator.execute(new CancelBatch(id));
  }

  @SystemDoor()
  @OnMessage('batches/advance')
  advance(@Body({ schema: advanceBatch }) { batch_id: id }: AdvanceBatchRequest): Promise<void> {
    return this.mediator.execute(new AdvanceBatch(id));
  }
}

import { Body, Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Mediator } from '../../src/kernel/cqrs/mediator.js';
import { ApiAnswer } from '../../src/kernel/http/api.decorators.js';
import { MessageScope, OnEvent } from '../../src/kernel/messaging/message.decorators.js';
import { RecordResult } from './commands/record-result.js';
import { anotherAnswer, type AnotherAnswer, trained, type Trained } from './models.dto.js';
import { ListResults } from './queries/list-results.js';
import { resultList, type ResultList, resultsQuery } from './results.dto.js';

/** Hears what the scope `ml` publishes, without knowing it, and may run in processes of its own. */
@ApiTags('results')
@Controller('results')
@MessageScope('ml-audit')
export class ResultsController {
  constructor(private readonly mediator: Mediator) {}

  @OnEvent('models/:model_id/trained')
  recordTraining(@Body({ schema: trained }) result: Trained): Promise<void> {
    return this.mediator.execute(new RecordResult('trained', result));
  }

  @OnEvent('ml.another-method-called.v1')
  recordAnother(@Body({ schema: anotherAnswer }) result: AnotherAnswer): Promise<void> {
    return this.mediator.execute(new RecordResult('another_method', result));
  }

  @Get()
  @ApiOperation({ summary: 'List the latest results' })
  @ApiAnswer(resultList)
  list(@Query({ schema: resultsQuery }) { limit }: { limit: number }): Promise<ResultList> {
    return this.mediator.ask(new ListResults(limit));
  }
}

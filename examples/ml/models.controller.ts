import { Body, Controller, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Mediator } from '../../src/kernel/cqrs/mediator.js';
import { ApiAnswer } from '../../src/kernel/http/api.decorators.js';
import {
  MessageScope,
  OnMessage,
  PublishResult,
} from '../../src/kernel/messaging/message.decorators.js';
import { TrainModel } from './commands/train-model.js';
import {
  anotherAnswer,
  type AnotherAnswer,
  anyText,
  modelId,
  trained,
  type Trained,
  trainingText,
} from './models.dto.js';

/** Few messages at hand, so that many replicas share even a short queue. */
@ApiTags('models')
@Controller('models')
@MessageScope('ml', { prefetch: 10 })
export class ModelsController {
  constructor(private readonly mediator: Mediator) {}

  @Post(':model_id/train')
  @OnMessage('models/:model_id/train')
  @OnMessage('train_model') // model_id is a header
  @PublishResult('models/:model_id/trained', { schema: trained })
  @ApiOperation({ summary: 'Train a model with a text' })
  @ApiAnswer(trained, { status: 201 })
  trainModel(
    @Param('model_id', { schema: modelId }) id: string,
    @Body({ schema: trainingText }) text: string,
  ): Promise<Trained> {
    return this.mediator.execute(new TrainModel(id, text));
  }

  @Post('another-method/:one/:more')
  @OnMessage('another_method') // one and more are headers
  @PublishResult('ml.another-method-called.v1', { schema: anotherAnswer })
  @ApiOperation({ summary: 'Give back two texts' })
  @ApiAnswer(anotherAnswer, { status: 201 })
  anotherMethod(
    @Param('one', { schema: anyText }) one: string,
    @Param('more', { schema: anyText }) more: string,
  ): AnotherAnswer {
    return { one, more };
  }
}

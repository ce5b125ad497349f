import { Body, Controller, Headers, Module, Param, ParseIntPipe } from '@nestjs/common';
import { z } from 'zod';
import { asyncApiErrors } from '../../../../test/support/asyncapi-errors.js';
import { loadEnv } from '../../env.js';
import { describeApi } from '../../http/http-app.js';
import { PublishesEvents } from '../event-contracts.js';
import { MessageScope, OnEvent, OnMessage, PublishResult } from '../message.decorators.js';
import type { AsyncApiDocument } from './asyncapi-types.js';

const env = loadEnv({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });

const trained = z.object({ id: z.int(), loss: z.number() }).meta({ id: 'Trained' });

@Controller('models')
@MessageScope('ml')
class ModelsController {
  @OnMessage(':id/train')
  @PublishResult('ml.model-trained.v1')
  train(
    @Param('id', ParseIntPipe) _id: number,
    @Body({ schema: z.object({ epochs: z.int().min(1).default(3) }) }) _body: unknown,
    @Headers('x-colour') _colour?: string,
  ): void {}

  @OnMessage('train_model')
  trainByText(@Param('model_id', ParseIntPipe) _id: number, @Body() _text: string): void {}

  @OnEvent('ml.model-trained.v1')
  hear(@Body({ schema: trained }) _body: unknown): void {}
}

@Module({ controllers: [ModelsController] })
@PublishesEvents({
  type: 'ml.model-trained.v1',
  description: 'A model is ready.',
  schema: trained,
})
class ModelsModule {}

describe('a controller of somebody else', () => {
  let document: AsyncApiDocument;
  beforeAll(async () => {
    document = (await describeApi(ModelsModule, env)).asyncApi;
  });

  it('is described validly', async () => {
    expect(await asyncApiErrors(document)).toEqual([]);
  });

  it('has parameters of the route in the address, others as headers', () => {
    expect(document.channels['ml.id.train']).toMatchObject({
      address: 'ml/{id}/train',
      parameters: { id: { examples: ['1'] } },
    });
    expect(document.components.messages.Models_train?.headers).toMatchObject({
      required: ['route'],
      properties: { route: { pattern: '^[^/]+/train$' }, 'x-colour': { type: 'string' } },
    });
    expect(document.components.messages.Models_trainByText).toMatchObject({
      contentType: 'text/plain',
      headers: { required: ['route', 'model_id'], properties: { model_id: { type: 'number' } } },
    });
  });

  it('hears and publishes an event on one channel, the published one by its contract', () => {
    const channel = document.channels['ml.model-trained.v1'];
    expect(channel?.bindings?.amqp.exchange?.name).toBe('millrace.events');
    expect(Object.keys(channel?.messages ?? {}).sort()).toEqual([
      'Models_hear',
      'ml.model-trained.v1',
    ]);
    expect(document.components.messages['ml.model-trained.v1']?.payload).toEqual({
      $ref: '#/components/schemas/Trained',
    });
    const sent = Object.values(document.operations).filter(({ action }) => action === 'send');
    expect(sent.map(({ title }) => title)).toEqual(['ml.model-trained.v1']);
  });
});

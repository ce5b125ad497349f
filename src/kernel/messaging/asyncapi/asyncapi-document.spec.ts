import {
  Body,
  Controller,
  Headers,
  Module,
  Param,
  ParseIntPipe,
  Post,
  type Type,
} from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { z } from 'zod';
import { asyncApiErrors } from '../../../../test/support/asyncapi-errors.js';
import { loadEnv } from '../../env.js';
import { KernelModule } from '../../kernel.module.js';
import { describeApi } from '../../http/http-app.js';
import { PublishesEvents } from '../event-contracts.js';
import { MessageContext } from '../message-context.js';
import { MessageScope, OnEvent, OnMessage, PublishResult } from '../message.decorators.js';
import { DomainError } from '../../domain/domain-error.js';
import type { Incoming } from '../batch-method.js';
import { errorAnswer } from '../settlement.js';
import type { AsyncApiDocument } from './asyncapi-types.js';

/** Nothing is started. */
async function described(module: Type): Promise<AsyncApiDocument> {
  const env = loadEnv({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });
  const imports = [KernelModule.for(env), module];
  return (await describeApi({ module: class {}, imports }, env)).asyncApi;
}

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
    document = await described(ModelsModule);
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

@Controller()
@MessageScope('nest')
class ProbeController {
  @MessagePattern('models/:id/train')
  train(@Payload({ schema: trained }) _body: unknown, @Ctx() _context: MessageContext): void {}

  @MessagePattern({ cmd: 'sum' })
  sum(
    @Ctx() _context: MessageContext,
    @Payload('n', { schema: z.int() }) _n: number,
    @Payload('unit') _unit: string,
  ): void {}

  @EventPattern('ml.model-trained.v1')
  hear(_text: string): void {}

  @MessagePattern('ping')
  ping(): void {}

  /** HTTP fills what messages leave empty. */
  @Post('models/:id/drop')
  @MessagePattern('models/:id/drop')
  drop(@Param('id') _id: string, @Headers('x-colour') _colour: string): void {}
}

@Module({ controllers: [ProbeController] })
class ProbeModule {}

describe('a controller with decorators of Nest', () => {
  let document: AsyncApiDocument;
  beforeAll(async () => {
    document = await described(ProbeModule);
  });
  const messages = () => document.components.messages;

  it('is described validly', async () => {
    expect(await asyncApiErrors(document)).toEqual([]);
  });

  it('reads the payload by its schema, and nothing else by name', () => {
    expect(messages()['Probe_train']).toMatchObject({
      contentType: 'application/json',
      payload: { $ref: '#/components/schemas/TrainedInput' },
      headers: { required: ['route'], properties: { route: { pattern: '^models/[^/]+/train$' } } },
    });
    expect(document.channels['nest.models.id.train']).toMatchObject({
      address: 'nest/models/{id}/train',
      parameters: { id: { examples: ['text'] } },
    });
  });

  it('reads parts of the payload under a route that Nest made of an object', () => {
    expect(messages()['Probe_sum']).toMatchObject({
      payload: {
        type: 'object',
        properties: { n: { type: 'integer' }, unit: { type: 'string' } },
      },
      headers: { properties: { route: { const: '{"cmd":"sum"}' } } },
    });
    const { channel } = document.operations['Probe_sum']!;
    const described = document.channels[channel.$ref.split('/').at(-1)!];
    expect(described?.address).toBe('nest/%7B"cmd":"sum"%7D');
    expect(described).not.toHaveProperty('parameters');
  });

  it('gives a method without decorated parameters the payload, if it takes anything', () => {
    expect(messages()['Probe_hear']).toMatchObject({
      contentType: 'text/plain',
      payload: { type: 'string' },
    });
    expect(document.channels['ml.model-trained.v1']?.messages).toHaveProperty('Probe_hear');
    expect(messages()['Probe_ping']).not.toHaveProperty('payload');
  });

  it('gives a method by message nothing of what only its HTTP door reads', () => {
    const message = messages()['Probe_drop'];
    expect(message).not.toHaveProperty('payload');
    expect((message?.headers as { properties: object }).properties).not.toHaveProperty('x-colour');
  });
});

const measurement = z.object({ value: z.number() });
const stored = z.object({ model: z.string(), epochs: z.int().min(1) }).meta({ id: 'Stored' });

@Controller('models')
@MessageScope('plant')
class PlantController {
  @OnEvent('meters/:id/read', { batch: 500, body: measurement })
  @OnMessage('models/:id/measured', { batch: 500, body: measurement })
  measured(_messages: readonly Incoming<{ value: number }>[]): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  @OnMessage('models/:id/train')
  @OnMessage('train_model')
  @PublishResult('models/:id/trained', { schema: stored })
  train(@Param('id', ParseIntPipe) _id: number, @Body() _body: unknown): void {}

  @Post(':model/sell')
  @PublishResult(':model/sold', { schema: stored })
  sell(@Param('model') _model: string): void {}
}

@Controller()
@MessageScope('listeners', { ordered: true })
class ListenersController {
  @OnEvent('models/:id/trained')
  hear(@Param('id', ParseIntPipe) _id: number, @Param('shelf') _shelf: string): void {}
}

@Controller()
@MessageScope('listeners')
class MoreListenersController {
  @OnMessage('trained')
  take(@Body({ schema: stored }) _body: unknown): void {}
}

@Module({ controllers: [PlantController, ListenersController, MoreListenersController] })
class PlantModule {}

describe('batches, results, event routes and order', () => {
  let document: AsyncApiDocument;
  beforeAll(async () => {
    document = await described(PlantModule);
  });
  const messages = () => document.components.messages;

  it('are described validly', async () => {
    expect(await asyncApiErrors(document)).toEqual([]);
  });

  it('give a batch method the payload of its door, at each of its doors', () => {
    const payload = { type: 'object', properties: { value: { type: 'number' } } };
    expect(messages()['Plant_measured']).toMatchObject({
      payload,
      headers: {
        required: ['route'],
        properties: { route: { pattern: '^models/[^/]+/measured$' } },
      },
    });
    expect(messages()['Plant_measured_2']).toMatchObject({ title: 'meters/:id/read', payload });
    expect(messages()['Plant_measured_reply']?.payload).toEqual({ type: 'null' });
  });

  it('publish a result once by its own schema, with the parameters in the routing key', () => {
    expect(document.operations['publish_models.id.trained']).toMatchObject({
      action: 'send',
      channel: { $ref: '#/channels/models.id.trained' },
    });
    expect(document.operations['publish_models.id.trained_2']).toBeUndefined();
    expect(messages()['models.id.trained']).toMatchObject({
      payload: { $ref: '#/components/schemas/Stored' },
      headers: {
        properties: {
          'cloudEvents:type': {
            pattern: '^models\\.[^.]+\\.trained$',
            examples: ['models.1.trained'],
          },
          'cloudEvents:source': { const: '/millrace/models' },
          'cloudEvents:subject': { examples: ['1'] },
        },
      },
    });
  });

  it('publish the result of a method that has no message door', () => {
    expect(document.channels['model.sold']).toMatchObject({
      address: '{model}.sold',
      bindings: { amqp: { 'x-binding-key': '*.sold' } },
    });
    const { properties } = messages()['model.sold']?.headers as { properties: object };
    expect(properties).toMatchObject({
      'cloudEvents:source': { type: 'string', examples: ['/millrace/text'] },
    });
  });

  it('hear events by a binding, with the parameters of their route in the address', () => {
    const channel = document.channels['models.id.trained'];
    expect(channel).toMatchObject({
      address: 'models.{id}.trained',
      parameters: { id: { examples: ['1'] } },
      bindings: { amqp: { is: 'routingKey', 'x-binding-key': 'models.*.trained' } },
    });
    expect(Object.keys(channel?.messages ?? {}).sort()).toEqual([
      'Listeners_hear',
      'models.id.trained',
    ]);
    expect(document.operations['Listeners_hear']?.description).toBe(
      'Comes into `listeners`, which is bound to `millrace.events` with `models.*.trained`.',
    );
    const headers = messages()['Listeners_hear']?.headers as { properties: object };
    expect(headers).toMatchObject({ required: expect.arrayContaining(['shelf']) as unknown });
    expect(headers.properties).not.toHaveProperty('id');
  });

  it('tell of the order of a scope at whichever controller it is set', () => {
    const argumentsOf = (queue: string) => document.channels[queue]?.bindings?.amqp['x-arguments'];
    expect(argumentsOf('listeners')).toMatchObject({ 'x-single-active-consumer': true });
    expect(argumentsOf('plant')).not.toHaveProperty('x-single-active-consumer');
    const key = { properties: { 'x-key': { type: 'string' } } };
    expect(messages()['Listeners_hear']?.headers).toMatchObject(key);
    expect(messages()['MoreListeners_take']?.headers).toMatchObject(key);
    expect(messages()['Plant_train']?.headers).not.toMatchObject(key);
    expect(document.channels['listeners']?.description).toContain('one process at a time');
  });

  it('name the queue of dead letters beside each queue', () => {
    expect(document.channels['plant']?.description).toContain('`plant.dlq`');
    expect(document.channels['listeners']?.description).toContain('`listeners.dlq`');
  });

  it('answer every command with its result or with the error of a dead letter', () => {
    const commands = Object.entries(document.operations).filter(([, { title }]) =>
      /^(plant|listeners)\//.test(title),
    );
    expect(commands.map(([id]) => id)).toEqual([
      'MoreListeners_take',
      'Plant_measured',
      'Plant_train',
      'Plant_train_2',
    ]);
    for (const [id, { reply }] of commands) {
      expect(reply?.messages.map(({ $ref }) => $ref.split('/').at(-1))).toEqual([
        id.replace(/(_\d)?$/, '_reply$1'),
        'error_reply',
      ]);
    }
  });

  it('describe the error as it is answered', () => {
    const schema = document.components.schemas['ErrorAnswer'] as Parameters<
      typeof z.fromJSONSchema
    >[0];
    const answers = [new DomainError('conflict', 'model-is-busy', 'It is busy.'), new Error('?')];
    for (const error of answers) {
      expect(z.fromJSONSchema(schema).safeParse(errorAnswer(error)).success).toBe(true);
    }
    expect(z.fromJSONSchema(schema).safeParse({ error: 'text' }).success).toBe(false);
  });
});

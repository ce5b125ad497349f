import { DiagnosticSeverity, Parser } from '@asyncapi/parser';
import { Body, Controller, Headers, Module, Param, ParseIntPipe } from '@nestjs/common';
import { z } from 'zod';
import { AppModule } from '../../../app.module.js';
import { loadEnv } from '../../env.js';
import { describeApi } from '../../http/http-app.js';
import { PublishesEvents } from '../event-contracts.js';
import { MessageScope, OnEvent, OnMessage, PublishResult } from '../message.decorators.js';
import type { AsyncApiDocument } from './asyncapi-types.js';

const ERROR: number = DiagnosticSeverity.Error;
const env = loadEnv({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });

async function errorsIn(document: unknown): Promise<string[]> {
  const diagnostics = await new Parser().validate(JSON.stringify(document));
  return diagnostics
    .filter(({ severity }) => (severity as number) === ERROR)
    .map(({ path, message }) => `${path.join('.')}: ${message}`);
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

describe('the document of the program', () => {
  let document: AsyncApiDocument;
  beforeAll(async () => {
    document = (await describeApi(AppModule.for(env), env)).asyncApi;
  });

  it('is valid by the official parser', async () => {
    expect(await errorsIn(document)).toEqual([]);
  });

  it('would be reported if it were not', async () => {
    const operation = { action: 'listen', channel: { $ref: '#/channels/tasks.create' } };
    expect(await errorsIn({ ...document, operations: { bad: operation } })).not.toEqual([]);
    expect(await errorsIn({ ...document, channels: {} })).not.toEqual([]);
  });

  it('has every route of the tasks, each with its message', () => {
    const received = Object.values(document.operations).filter(
      ({ action }) => action === 'receive',
    );
    expect(received.map(({ title }) => title).sort()).toEqual([
      'task-runs/run',
      'tasks/:task_id/cancel',
      'tasks/:task_id/complete',
      'tasks/:task_id/fail',
      'tasks/:task_id/heartbeat',
      'tasks/:task_id/progress',
      'tasks/:task_id/retry',
      'tasks/create',
      'tasks/retry',
    ]);
    expect(document.components.messages.Tasks_create).toMatchObject({
      payload: { anyOf: [{ $ref: '#/components/schemas/CreateTaskInput' }, { type: 'array' }] },
      headers: { required: ['route'], properties: { route: { const: 'create' } } },
    });
  });

  it('has every queue as it is declared on RabbitMQ', () => {
    expect(document.channels.tasks?.bindings?.amqp).toMatchObject({
      is: 'queue',
      queue: { name: 'tasks', durable: true },
      'x-arguments': { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': 'millrace.dlx' },
    });
    expect(Object.keys(document.channels)).toEqual(
      expect.arrayContaining(['task-runs.default', 'task-runs.default.high']),
    );
  });

  it('has an example in every message, which fits its own schemas', () => {
    const { messages, schemas } = document.components;
    const zodOf = (schema: object) =>
      z.fromJSONSchema(
        JSON.parse(
          JSON.stringify({ ...schema, $defs: schemas }).replaceAll(
            '#/components/schemas/',
            '#/$defs/',
          ),
        ) as Parameters<typeof z.fromJSONSchema>[0],
      );
    for (const { name, headers, payload, examples } of Object.values(messages)) {
      expect([name, examples.length]).toEqual([name, 1]);
      for (const example of examples) {
        if (headers)
          expect(zodOf(headers).safeParse(example.headers)).toMatchObject({ success: true });
        if (payload)
          expect(zodOf(payload).safeParse(example.payload)).toMatchObject({ success: true });
      }
    }
  });

  it('lists only what the modules that the process carries offer', async () => {
    const { asyncApi } = await describeApi(AppModule.for({ ...env, MODULES: [] }), env);
    expect([Object.keys(asyncApi.channels), Object.keys(asyncApi.operations)]).toEqual([[], []]);
    expect(await errorsIn(asyncApi)).toEqual([]);
  });
});

describe('a controller of somebody else', () => {
  let document: AsyncApiDocument;
  beforeAll(async () => {
    document = (await describeApi(ModelsModule, env)).asyncApi;
  });

  it('is described validly', async () => {
    expect(await errorsIn(document)).toEqual([]);
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

import { z } from 'zod';
import { asyncApiErrors } from '../test/support/asyncapi-errors.js';
import { AppModule } from './app.module.js';
import { loadEnv } from './kernel/env.js';
import { describeApi } from './kernel/http/http-app.js';
import type { AsyncApiDocument } from './kernel/messaging/asyncapi/asyncapi-types.js';

const env = loadEnv({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });

describe('the AsyncAPI document of the program', () => {
  let document: AsyncApiDocument;
  beforeAll(async () => {
    document = (await describeApi(AppModule.for(env), env)).asyncApi;
  });

  it('is valid by the official parser', async () => {
    expect(await asyncApiErrors(document)).toEqual([]);
  });

  it('would be reported if it were not', async () => {
    const operation = { action: 'listen', channel: { $ref: '#/channels/tasks.create' } };
    expect(await asyncApiErrors({ ...document, operations: { bad: operation } })).not.toEqual([]);
    expect(await asyncApiErrors({ ...document, channels: {} })).not.toEqual([]);
  });

  it('has every route of the program, each with its message', () => {
    const received = Object.values(document.operations).filter(
      ({ action }) => action === 'receive',
    );
    expect(received.map(({ title }) => title).sort()).toEqual([
      'bet-maker-settlements/next',
      'bet-maker/bets/place',
      'line-provider.event-changed.v1',
      'line-provider.heartbeat.v1',
      'line-provider/events/:event_id/resettle',
      'line-provider/events/:event_id/result',
      'line-provider/events/:event_id/resume',
      'line-provider/events/:event_id/suspend',
      'line-provider/events/:event_id/void',
      'line-provider/events/create',
      'line-provider/events/snapshot',
      'line-provider/events/update',
      'message-runs/queued',
      'providers/process',
      'task-runs/run',
      'tasks/:task_id/cancel',
      'tasks/:task_id/complete',
      'tasks/:task_id/fail',
      'tasks/:task_id/heartbeat',
      'tasks/:task_id/progress',
      'tasks/:task_id/retry',
      'tasks/create',
      'tasks/retry',
      'workflows/batches/:batch_id/cancel',
      'workflows/batches/advance',
      'workflows/config/:key/change',
      'workflows/drafts/:key/flows/:flow_id/remove',
      'workflows/drafts/:key/flows/add',
      'workflows/drafts/:key/nodes/:node_id/change',
      'workflows/drafts/:key/nodes/:node_id/remove',
      'workflows/drafts/:key/nodes/add',
      'workflows/drafts/:key/publish',
      'workflows/drafts/:key/save',
      'workflows/drafts/create',
      'workflows/incidents/resolve',
      'workflows/instances/:instance_id/cancel',
      'workflows/instances/:instance_id/extend',
      'workflows/instances/:instance_id/migrate',
      'workflows/instances/:instance_id/modify',
      'workflows/instances/:instance_id/pause',
      'workflows/instances/:instance_id/resume',
      'workflows/instances/:instance_id/retry',
      'workflows/instances/:instance_id/variables',
      'workflows/instances/cancel-child',
      'workflows/instances/child-ended',
      'workflows/instances/child-escalated',
      'workflows/instances/reconsider',
      'workflows/instances/start',
      'workflows/jobs/ended',
      'workflows/links/:link_id/delete',
      'workflows/links/create',
      'workflows/messages/deliver',
      'workflows/signals/report',
      'workflows/starts/fire',
      'workflows/subscriptions/listen',
      'workflows/timers/fire',
      'workflows/user-tasks/:user_task_id/assign',
      'workflows/user-tasks/:user_task_id/claim',
      'workflows/user-tasks/:user_task_id/comment',
      'workflows/user-tasks/:user_task_id/complete',
      'workflows/user-tasks/:user_task_id/delegate',
      'workflows/user-tasks/:user_task_id/release',
      'workflows/workflows/:key/migrate',
      'workflows/workflows/:key/pause',
      'workflows/workflows/:key/resume',
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
          expect([name, zodOf(payload).safeParse(example.payload)]).toMatchObject([
            name,
            { success: true },
          ]);
      }
    }
  });

  it('lists only what the modules that the process carries offer', async () => {
    const { asyncApi } = await describeApi(AppModule.for({ ...env, MODULES: [] }), env);
    expect([Object.keys(asyncApi.channels), Object.keys(asyncApi.operations)]).toEqual([[], []]);
    expect(await asyncApiErrors(asyncApi)).toEqual([]);
  });
});

import { randomUUID } from 'node:crypto';
import { Body, Controller, Injectable, Module, Param, Post } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { z } from 'zod';
import { type BatchHandler, Handles } from '../../src/kernel/cqrs/handles.js';
import { Mediator } from '../../src/kernel/cqrs/mediator.js';
import { DomainError } from '../../src/kernel/domain/domain-error.js';
import { Idempotent } from '../../src/kernel/http/idempotent.decorator.js';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import {
  MessageScope,
  OnEvent,
  OnMessage,
  PublishResult,
} from '../../src/kernel/messaging/message.decorators.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import { type App, bootApp, BROKERS } from '../support/app.js';
import { type DeadLetters, Letters } from '../support/letters.js';

class Train extends Command<string> {
  constructor(readonly id: string) {
    super();
  }
}

@Handles(Train, { batch: 100 })
class TrainHandler implements BatchHandler<Train> {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  async executeMany(commands: readonly Train[]): Promise<string[]> {
    await this.unitOfWork.query('insert into kernel.trained select * from unnest($1::text[])', [
      commands.map(({ id }) => id),
    ]);
    return commands.map(({ id }) => id);
  }
}

@Injectable()
class Heard {
  readonly all: [string, unknown][] = [];

  of(id: string): unknown[] {
    return this.all.filter(([heard]) => heard === id).map(([, body]) => body);
  }
}

const trained = z.object({ model: z.string(), epochs: z.int().min(1) });
const training = z.object({ epochs: z.int(), fail: z.boolean().optional() });

@Controller('models')
@MessageScope('ml')
class ModelsController {
  constructor(private readonly mediator: Mediator) {}

  @Post(':id/train')
  @OnMessage('models/:id/train')
  @OnMessage('train_model')
  @PublishResult('models/:id/trained', { schema: trained })
  @Idempotent()
  async train(
    @Param('id') id: string,
    @Body({ schema: training }) { epochs, fail }: z.output<typeof training>,
  ) {
    await this.mediator.execute(new Train(id));
    if (fail) throw new DomainError('conflict', 'model-is-busy', 'It is busy.');
    return { model: id, epochs, secret: 'not in the schema' };
  }
}

@Controller()
@MessageScope('listeners')
class ListenersController {
  constructor(private readonly heard: Heard) {}

  @OnEvent('models/:id/trained')
  hear(@Param('id') id: string, @Body() body: unknown): void {
    this.heard.all.push([id, body]);
  }
}

@Module({
  controllers: [ModelsController, ListenersController],
  providers: [TrainHandler, Heard],
})
class MlModule {}

describe.each(BROKERS)('a result that is published on %s', (broker) => {
  let app: App;
  let heard: Heard;
  let dead: DeadLetters;

  beforeAll(async () => {
    app = await bootApp({ broker, modules: [MlModule], shared: true });
    await app.sql('create table kernel.trained (id text)');
    heard = app.get(Heard);
    dead = app.deadLetters('ml');
  });
  afterAll(() => app.stop());

  const effects = async (id: string) =>
    (await app.sql('select 1 from kernel.trained where id = $1', [id])).length;
  const train = (id: string, body: object = { epochs: 3 }, headers = {}) =>
    app.http.post(`/models/${encodeURIComponent(id)}/train`, body, headers);
  const trainByMessage = (id: string, body: object = { epochs: 3 }, more = {}) =>
    app.send('ml', `models/${encodeURIComponent(id)}/train`, body, more);

  it('is heard with the parameters of the call, whichever door that came by', async () => {
    const [web, message] = [randomUUID(), randomUUID()];
    expect((await train(web)).status).toBe(201);
    await trainByMessage(message);
    await app.until(() => heard.of(web).length === 1 && heard.of(message).length === 1);
    expect(heard.of(web)).toEqual([{ model: web, epochs: 3 }]);
    expect(heard.of(message)).toEqual([{ model: message, epochs: 3 }]);
  });

  it('may take its parameters from the headers of a foreign sender', async () => {
    const id = randomUUID();
    await app.send('ml', 'train_model', { epochs: 2 }, { headers: { id } });
    await app.until(() => heard.of(id).length === 1);
  });

  it.each(['a.b', 'a/b', '#', '*', '%2E', 'größe 🐘', '..'])(
    'brings back the parameter %p as it was',
    async (id) => {
      await trainByMessage(id);
      if (id !== '..') await train(id);
      const times = id === '..' ? 1 : 2;
      await app.until(() => heard.of(id).length === times);
    },
  );

  it('is on the wire under the route with dots, in the order of its parameters', async () => {
    const watched = await app.watch('models.*.trained');
    await train('17');
    await app.until(() => watched.all.length > 0);
    expect(watched.all[0]).toMatchObject({
      routingKey: 'models.17.trained',
      headers: { 'cloudEvents:type': 'models.17.trained', 'cloudEvents:subject': '17' },
    });
  });

  it('is not published, and has no effect, when the call fails', async () => {
    const [web, message, broken] = [randomUUID(), randomUUID(), randomUUID()];
    expect((await train(web, { epochs: 3, fail: true })).status).toBe(409);
    expect((await train(broken, { epochs: 0 })).status).toBe(500); // against its own schema
    await dead.withId(await trainByMessage(message, { epochs: 3, fail: true }));
    await app.settle();
    for (const id of [web, message, broken]) {
      expect([heard.of(id), await effects(id)]).toEqual([[], 0]);
    }
  });

  it('is published once when the request is repeated, and when the message comes twice', async () => {
    const [web, message] = [randomUUID(), randomUUID()];
    const key = { 'idempotency-key': randomUUID() };
    const answers = [await train(web, { epochs: 1 }, key), await train(web, { epochs: 1 }, key)];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    const id = randomUUID();
    for (let n = 0; n < 2; n += 1) await trainByMessage(message, { epochs: 1 }, { id });
    await app.until(() => heard.of(web).length > 0 && heard.of(message).length > 0);
    await app.settle();
    expect([heard.of(web).length, heard.of(message).length]).toEqual([1, 1]);
    expect([await effects(web), await effects(message)]).toEqual([1, 1]);
  });

  it('is refused when a parameter is too long for the wire', async () => {
    const id = await trainByMessage('x'.repeat(300));
    expect((await dead.withId(id)).reason).toContain('route-parameter-too-long');
  });

  it('tells whoever waits for a reply why a message went to the dead letters', async () => {
    const replies = new Letters();
    const replyTo = `replies-${randomUUID()}`;
    await app.broker.declare([{ name: replyTo, bindings: [] }]);
    await replies.collect(app.broker, replyTo);
    const ask = { replyTo, correlationId: 'question' };
    await trainByMessage('1', { epochs: 3, fail: true }, ask);
    await app.until(() => replies.all.length === 1);
    await trainByMessage('1', { epochs: 'many' }, ask);
    await app.until(() => replies.all.length === 2);
    await app.send('ml', 'nowhere', {}, ask);
    await app.until(() => replies.all.length === 3);
    expect(replies.all.map((letter) => letter.body)).toEqual([
      { error: { code: 'model-is-busy', message: 'model-is-busy: It is busy.' } },
      { error: { code: 'invalid-body', message: expect.stringContaining('epochs') as string } },
      {
        error: { code: 'unreadable', message: expect.stringContaining('Unknown route') as string },
      },
    ]);
    await replies.stop();
  });

  it('reads CloudEvents in structured mode, and refuses what is not UTF-8', async () => {
    const id = randomUUID();
    const event = { specversion: '1.0', type: 't', source: '/s', id: '1', data: { epochs: 4 } };
    const contentType = 'application/cloudevents+json';
    await trainByMessage(id, event, { contentType });
    await app.until(() => heard.of(id).length === 1);
    const bad = await app.send('ml', 'models/1/train', Buffer.from([0xff]), {
      headers: { [HEADER.key]: 'x' },
    });
    expect((await dead.withId(bad)).reason).toContain('not UTF-8');
  });
});

it.each([
  ['models/:id/trained', 'models/:name/trained'],
  ['models/:id/trained', 'models.:other.trained'],
])('subscribing to %s and to %s in one scope fails the boot', async (first, second) => {
  @Controller()
  @MessageScope('clashing')
  class Clashing {
    @OnEvent(first)
    hear(): void {}

    @OnEvent(second)
    hearToo(): void {}
  }
  @Module({ controllers: [Clashing] })
  class Given {}
  await expect(bootApp({ modules: [Given] })).rejects.toThrow('match the same messages');
});

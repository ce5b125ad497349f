import { randomUUID } from 'node:crypto';
import { Body, Controller, Injectable, Module, Param } from '@nestjs/common';
import { MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { firstValueFrom, type Observable, type Subscription } from 'rxjs';
import { DomainError } from '../../src/kernel/domain/domain-error.js';
import { Clock } from '../../src/kernel/clock.js';
import { MessageClient, MessageRecord } from '../../src/kernel/messaging/message-client.js';
import { MessageScope, OnEvent, OnMessage } from '../../src/kernel/messaging/message.decorators.js';
import { MessageServer } from '../../src/kernel/messaging/message-server.js';
import { NoReplyError, Requests } from '../../src/kernel/messaging/requests.js';
import {
  continueTrace,
  currentContext,
  runWithContext,
  type TraceContext,
} from '../../src/kernel/observability/trace-context.js';
import { sentAtOnce, commandMessage } from '../../src/kernel/outbox/outbox-message.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import { type App, bootApp, BROKERS } from '../support/app.js';

const HEARD = 'client.things-happened.v1';

@Injectable()
class Heard {
  readonly events: unknown[] = [];
  contexts: (TraceContext | undefined)[] = [];
  release = Promise.withResolvers<undefined>();
}

@Controller()
@MessageScope('answers')
class AnswersController {
  constructor(
    private readonly heard: Heard,
    private readonly client: MessageClient,
  ) {}

  @MessagePattern('double')
  double(@Payload('n') n: number): number {
    this.heard.contexts.push(currentContext());
    return 2 * n;
  }

  @OnMessage('models/:id/busy')
  busy(@Param('id') id: string): never {
    throw new DomainError('conflict', 'model-is-busy', `${id} is busy.`);
  }

  @OnMessage('slow', { idempotent: true })
  async slow(): Promise<string> {
    await this.heard.release.promise;
    return 'at last';
  }

  /** Asks another scope from within its own Unit of Work, and tells of it. */
  @MessagePattern('relay')
  async relay(@Payload() body: { n: number; fail: boolean; id: string }): Promise<unknown> {
    this.client.emit(HEARD, { id: body.id });
    const answer = await firstValueFrom(this.client.send<unknown>('answers/double', body));
    if (body.fail) throw new DomainError('conflict', 'no', 'No.');
    return answer;
  }

  @OnEvent(HEARD)
  hear(@Body() event: unknown): void {
    this.heard.events.push(event);
    this.heard.contexts.push(currentContext());
  }
}

@Module({ controllers: [AnswersController], providers: [Heard] })
class AnswersModule {}

describe.each(BROKERS)('the message client on %s', (broker) => {
  let app: App;
  let client: MessageClient;
  let heard: Heard;

  beforeAll(async () => {
    app = await bootApp({ broker, modules: [AnswersModule], shared: true });
    client = app.get(MessageClient);
    heard = app.get(Heard);
  });
  beforeEach(() => {
    heard.events.splice(0);
    heard.contexts.splice(0);
    heard.release = Promise.withResolvers();
  });
  afterAll(() => app.stop());

  const ask = <T = unknown>(pattern: unknown, data: unknown = {}): Promise<T> =>
    firstValueFrom(client.send<T>(pattern, data));
  const failure = async (asked: Observable<unknown> | Promise<unknown>): Promise<unknown> => {
    const answer = asked instanceof Promise ? asked : firstValueFrom(asked);
    return answer.then(
      (value) => expect(value).toBe('an error'),
      (error: unknown) => error,
    );
  };
  const late = async (): Promise<number> => {
    const { body } = await app.http.get<string>('/metrics');
    return Number(/message_late_replies_total(?:\{[^}]*\})? (\d+)/.exec(body)?.[1] ?? 0);
  };

  describe('that asks', () => {
    it('gets the reply, once per subscription', async () => {
      const doubled = client.send<number>('answers/double', { n: 21 });
      expect(await Promise.all([firstValueFrom(doubled), firstValueFrom(doubled)])).toEqual([
        42, 42,
      ]);
      await app.settle();
      expect(heard.contexts).toHaveLength(2);
    });

    it('gets its own reply among many', async () => {
      const numbers = Array.from({ length: 100 }, (_, n) => n);
      const answers = await Promise.all(numbers.map((n) => ask<number>('answers/double', { n })));
      expect(answers).toEqual(numbers.map((n) => 2 * n));
    });

    it('gets an RpcException for a message that went to the dead letters', async () => {
      const error = await failure(client.send('answers/models/17/busy', {}));
      expect(error).toBeInstanceOf(RpcException);
      expect((error as RpcException).getError()).toEqual({
        code: 'model-is-busy',
        message: 'model-is-busy: 17 is busy.',
      });
      expect(await failure(client.send('answers/unheard/of', {}))).toMatchObject({
        message: expect.stringContaining('Unknown route') as string,
      });
    });

    it.each([
      ['a queue that is not there', 'nobody/double', 'unroutable'],
      ['what is no command', 'double', 'is no command'],
    ])('hears at once of %s', async (_, pattern, says) => {
      const record = new MessageRecord({}, { timeoutMs: 600_000 });
      expect(String(await failure(client.send(pattern, record)))).toContain(says);
    });

    it('waits no longer than it wants to, and counts the reply that comes too late', async () => {
      const before = await late();
      const record = new MessageRecord({}, { timeoutMs: 50 });
      expect(await failure(client.send('answers/slow', record))).toBeInstanceOf(NoReplyError);
      heard.release.resolve(undefined);
      await app.until(async () => (await late()) === before + 1);
    });

    it('may give up, and the reply is late then', async () => {
      const before = await late();
      const subscription: Subscription = client.send('answers/slow', {}).subscribe();
      await app.until(() => app.get(MessageServer).inFlight > 0);
      subscription.unsubscribe();
      heard.release.resolve(undefined);
      await app.until(async () => (await late()) === before + 1);
    });
  });

  describe('that tells', () => {
    it('publishes at once outside of a Unit of Work, as a CloudEvent with a key', async () => {
      const watched = await app.watch('client.#');
      const id = randomUUID();
      await firstValueFrom(
        client.emit(HEARD, new MessageRecord({ id }, { key: id, headers: { 'x-colour': 'red' } })),
      );
      await app.until(() => watched.all.some(({ body }) => (body as { id: string }).id === id));
      expect(watched.all.at(-1)?.headers).toMatchObject({
        'cloudEvents:type': HEARD,
        'cloudEvents:subject': id,
        'x-colour': 'red',
      });
      await app.until(() => heard.events.length === 1);
    });

    it('publishes with the commit of a Unit of Work, subscribed to or not, and else never', async () => {
      const [kept, dropped] = [randomUUID(), randomUUID()];
      const unitOfWork = app.get(UnitOfWork);
      await failure(
        unitOfWork.run(async () => {
          client.emit(HEARD, { id: dropped });
          await unitOfWork.query('select 1');
          throw new Error('rolled back');
        }),
      );
      await unitOfWork.run(async () => {
        client.emit(HEARD, { id: kept });
        const rows = await app.sql('select 1 from kernel.outbox');
        expect(rows).toEqual([]);
        await app.settle();
        expect(heard.events).toEqual([]);
      });
      await app.until(() => heard.events.length > 0);
      await app.settle();
      expect(heard.events).toEqual([{ id: kept }]);
    });

    it('is part of a Unit of Work that ends right after it', async () => {
      const id = randomUUID();
      await app.get(UnitOfWork).run(() => {
        client.emit(HEARD, { id });
        return Promise.resolve();
      });
      await app.until(() => heard.events.length > 0);
      expect(heard.events).toEqual([{ id }]);
    });

    it('asks at once inside of a handler, whose events wait for its end', async () => {
      const [kept, dropped] = [randomUUID(), randomUUID()];
      expect(await ask('answers/relay', { n: 4, fail: false, id: kept })).toBe(8);
      await failure(client.send('answers/relay', { n: 4, fail: true, id: dropped }));
      await app.until(() => heard.events.length > 0);
      await app.settle();
      expect(heard.events).toEqual([{ id: kept }]);
    });

    it.each([
      ['a pattern', 'models.#', {}, 'is no event route'],
      ['a parameter without a value', 'models/:id/trained', {}, 'without a parameter "id"'],
      ['what JSON cannot carry', HEARD, { n: 1n }, 'BigInt'],
    ])('throws for %s', (_, pattern, data, says) => {
      expect(() => client.emit(pattern, data)).toThrow(says);
    });
  });

  it('carries trace and correlation id on, through both', async () => {
    const trace = continueTrace(
      '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      'order-7',
    );
    await runWithContext(trace, async () => {
      await ask('answers/double', { n: 1 });
      await firstValueFrom(client.emit(HEARD, {}));
    });
    await app.until(() => heard.contexts.length === 2);
    for (const context of heard.contexts) {
      expect(context?.traceparent).toContain('4bf92f3577b34da6a3ce929d0e0e4736');
      expect(context?.correlationId).toBe('order-7');
    }
  });

  describe('and its questions', () => {
    const question = () =>
      sentAtOnce(
        { ...commandMessage({ queue: 'answers', route: 'slow', body: {} }), id: randomUUID() },
        app.get(Clock).now(),
      );

    it('are bounded in number, and fail when it is closed', async () => {
      const requests = new Requests(app.broker, { maxWaiting: 2 });
      const asked = [requests.ask(question()), requests.ask(question())].map(failure);
      expect(String(await failure(requests.ask(question())))).toContain('2 questions wait');
      await requests.close();
      expect(String(await Promise.all(asked))).toContain('the process is stopping');
      expect(String(await failure(requests.ask(question())))).toContain('is stopping');
      expect(requests.waiting).toBe(0);
      heard.release.resolve(undefined);
    });
  });
});

it('errors when RabbitMQ does not take an event', async () => {
  const app = await bootApp({ broker: 'rabbitmq' });
  const headers = { 'x-long': 'x'.repeat(200_000) }; // more than a frame
  const emitted = app.get(MessageClient).emit(HEARD, new MessageRecord({}, { headers }));
  await expect(firstValueFrom(emitted)).rejects.toThrow('encoding buffer');
});

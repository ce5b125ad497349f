import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Headers,
  Injectable,
  Param,
  ParseIntPipe,
  Post,
  UseGuards,
} from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { lastValueFrom } from 'rxjs';
import { z } from 'zod';
import { Clock } from '../../clock.js';
import { type Handler, Handles } from '../../cqrs/handles.js';
import { Mediator } from '../../cqrs/mediator.js';
import { DomainError } from '../../domain/domain-error.js';
import { commandMessage } from '../../outbox/outbox-message.js';
import { Outbox } from '../../outbox/outbox.js';
import { DatabaseUnavailableError } from '../../persistence/postgres-errors.js';
import { UnitOfWork } from '../../persistence/unit-of-work.js';
import type { Incoming, MessageOutcome } from '../batch-method.js';
import { MessageClient } from '../message-client.js';
import { MessageScope, OnEvent, OnMessage, PublishResult } from '../message.decorators.js';
import { DeadLetter, GiveBack, RetryLater, Skip } from '../settlement.js';
import { MessageTester } from './message-tester.js';

const training = z.object({ epochs: z.int().min(1) });
const measured = z.object({ value: z.number() });

@Injectable()
class Journal {
  readonly lines: unknown[] = [];
  readonly failures: Error[] = [];

  note(line: unknown): void {
    this.lines.push(line);
    const failure = this.failures.shift();
    if (failure) throw failure;
  }
}

class Order extends Command<string> {
  constructor(readonly id: string) {
    super();
  }
}

@Handles(Order)
class OrderHandler implements Handler<Order> {
  constructor(
    private readonly outbox: Outbox,
    private readonly journal: Journal,
    private readonly clock: Clock,
  ) {}

  async execute({ id }: Order): Promise<string> {
    const dueAt = new Date(0);
    await this.outbox.append([
      commandMessage({ queue: 'ml', route: 'text', body: { id, none: undefined } }),
      commandMessage({ queue: 'ml', route: 'later', body: null }, { dueAt }),
    ]);
    this.journal.note(this.clock.now());
    return id;
  }
}

@Injectable()
class Doorkeeper implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const [request] = context.getArgs<[{ headers: Record<string, string> }]>();
    return request.headers['x-deny'] === undefined;
  }
}

@Controller('models')
@MessageScope('ml')
class ModelsController {
  constructor(
    private readonly journal: Journal,
    private readonly mediator: Mediator,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  @Post(':id/train')
  @OnMessage('models/:id/train')
  @OnMessage('train_model')
  @PublishResult('models/:id/trained')
  @UseGuards(Doorkeeper)
  train(
    @Param('id', ParseIntPipe) id: number,
    @Body({ schema: training }) { epochs }: z.output<typeof training>,
    @Headers('x-colour') colour?: string,
  ) {
    this.journal.note(epochs);
    return { id, epochs, colour };
  }

  @OnMessage('text')
  text(@Body() body: unknown): void {
    this.journal.note(body);
  }

  @OnMessage('order/:id')
  order(@Param('id') id: string): Promise<string> {
    return this.mediator.execute(new Order(id));
  }

  @OnMessage('sql')
  async sql(): Promise<void> {
    await this.unitOfWork.query('select 1');
  }

  @OnMessage('measured', { batch: 10, body: measured })
  async measured(messages: readonly Incoming<{ value: number }>[]): Promise<MessageOutcome[]> {
    this.journal.note(messages.map(({ body }) => body.value));
    return messages.map(({ body }) => (body.value < 0 ? new DeadLetter('negative') : undefined));
  }
}

@Controller()
@MessageScope('audit', { ordered: true, retry: ['1s'] })
class AuditController {
  constructor(private readonly journal: Journal) {}

  @OnEvent('models/:id/trained')
  hear(@Param('id') id: string, @Headers('cloudevents:type') _: string, @Body() body: unknown) {
    this.journal.note([id, body]);
  }
}

describe('a message controller without broker and database', () => {
  let messages: MessageTester;
  let journal: Journal;

  beforeEach(async () => {
    messages = await MessageTester.of({
      controllers: [ModelsController, AuditController],
      providers: [Journal, OrderHandler],
    });
    journal = messages.get(Journal);
  });
  afterEach(() => messages.close());

  it('answers, and publishes its result', async () => {
    const end = await messages.send('ml/models/17/train', { epochs: 3 });
    expect(end).toEqual({ kind: 'handled', result: { id: 17, epochs: 3 } });
    expect(messages.published).toEqual([
      { type: 'models.17.trained', data: { id: 17, epochs: 3 } },
    ]);
  });

  it('takes the route, and the parameters that it lacks, from headers', async () => {
    const headers = { route: 'train_model', id: '17', 'x-colour': 'red' };
    const end = await messages.send('ml', { epochs: 3 }, { headers });
    expect(end).toEqual({ kind: 'handled', result: { id: 17, epochs: 3, colour: 'red' } });
  });

  it('answers HTTP, too', async () => {
    const answer = await messages.request({
      method: 'POST',
      url: '/models/17/train',
      payload: { epochs: 3 },
    });
    expect([answer.statusCode, answer.json()]).toEqual([201, { id: 17, epochs: 3 }]);
    expect(messages.published).toHaveLength(1);
  });

  it.each([
    ['ml/models/17/train', { epochs: 0 }, 'epochs'],
    ['ml/models/17/train', undefined, 'missing-body'],
    ['ml/models/x/train', { epochs: 1 }, 'numeric string'],
    ['ml/nowhere', {}, 'Unknown route "nowhere"'],
  ])('refuses %s %j and says why', async (target, body, why) => {
    const end = await messages.send(target, body);
    expect(end).toEqual({ kind: 'dead-letter', reason: expect.stringContaining(why) as string });
    expect(journal.lines).toEqual([]);
    expect(messages.published).toEqual([]);
  });

  it('runs guards', async () => {
    const end = await messages.send(
      'ml/models/17/train',
      { epochs: 1 },
      { headers: { 'x-deny': 'yes' } },
    );
    expect(end).toMatchObject({ kind: 'dead-letter' });
    expect(journal.lines).toEqual([]);
  });

  it('reads text, JSON and bytes as they would come over the wire', async () => {
    await messages.send('ml/text', 'a text');
    await messages.send('ml/text', { json: 1, none: undefined });
    await messages.send('ml/text', Buffer.from('"bytes"'));
    expect(journal.lines).toEqual(['a text', { json: 1 }, 'bytes']);
    const broken = await messages.send('ml/text', '{oops', { contentType: 'application/json' });
    expect(broken).toMatchObject({ reason: expect.stringContaining('not JSON') as string });
  });

  it('is tried again after the delays of its scope, which take no time', async () => {
    journal.failures.push(new Error('one'), new RetryLater('10m', 'two'));
    const before = messages.get(Clock).now();
    expect(await messages.send('ml/text', 'x')).toEqual({ kind: 'handled', result: null });
    expect(messages.retries).toEqual([
      { attempt: 1, delayMs: 1_000, error: 'Error: one' },
      { attempt: 2, delayMs: 600_000, error: 'RetryLater: two' },
    ]);
    expect(messages.get(Clock).now().getTime() - before.getTime()).toBeGreaterThanOrEqual(601_000);
  });

  it('goes to the dead letters when every attempt failed', async () => {
    journal.failures.push(...Array.from({ length: 6 }, () => new Error('broken')));
    expect(await messages.send('ml/text', 'x')).toEqual({
      kind: 'dead-letter',
      reason: 'gave up after 6 attempts: Error: broken',
    });
    expect(messages.retries.map(({ delayMs }) => delayMs)).toEqual([
      ...[1_000, 5_000, 30_000],
      ...[120_000, 600_000],
    ]);
  });

  it.each([
    ['DeadLetter', new DeadLetter('no'), { kind: 'dead-letter', reason: 'DeadLetter: no' }],
    [
      'DomainError',
      new DomainError('conflict', 'busy', 'It is.'),
      { kind: 'dead-letter', reason: 'busy: It is.' },
    ],
    ['Skip', new Skip('not ours'), { kind: 'skipped' }],
    ['GiveBack', new GiveBack('leaving'), { kind: 'given-back' }],
  ])('is settled by the %s that it throws', async (_, error, end) => {
    journal.failures.push(error);
    expect(await messages.send('ml/models/1/train', { epochs: 1 })).toEqual(end);
    expect(messages.published).toEqual([]);
  });

  it('has one effect per message id, and none of an attempt that failed', async () => {
    journal.failures.push(new Error('first'));
    const send = () => messages.send('ml/order/7', null, { id: 'same' });
    expect(await Promise.all([send(), send()])).toEqual([
      { kind: 'duplicate' }, // at its second attempt, when the other one is done
      { kind: 'handled', result: '7' },
    ]);
    expect(messages.published).toEqual([
      { queue: 'ml', route: 'text', data: { id: '7' } },
      { queue: 'ml', route: 'later', data: null, dueAt: new Date(0) },
    ]);
  });

  it('handles what comes at once in one batch, each message settled for itself', async () => {
    const values = [1, -2, 'three', 4, 4];
    const ends = await Promise.all(
      values.map((value, index) =>
        messages.send('ml/measured', { value }, { id: index < 4 ? String(index) : '3' }),
      ),
    );
    expect(journal.lines).toEqual([[1, -2, 4]]);
    expect(ends).toEqual([
      { kind: 'handled', result: null },
      { kind: 'dead-letter', reason: 'DeadLetter: negative' },
      { kind: 'dead-letter', reason: expect.stringContaining('value') as string },
      { kind: 'handled', result: null },
      { kind: 'duplicate' },
    ]);
  });

  it('hears events in every scope that subscribed, again in its place where order counts', async () => {
    journal.failures.push(new Error('once'));
    expect(await messages.emit('models/17/trained', { epochs: 3 })).toEqual({
      audit: { kind: 'handled', result: null },
    });
    expect(journal.lines).toEqual([
      ['17', { epochs: 3 }],
      ['17', { epochs: 3 }],
    ]);
    expect(messages.retries).toEqual([{ attempt: 1, delayMs: 1_000, error: 'Error: once' }]);
    expect(await messages.emit('nobody.listens.v1', {})).toEqual({});
  });

  it('says what to replace when a handler runs SQL', async () => {
    const end = await messages.send('ml/sql');
    expect(end).toMatchObject({ reason: expect.stringContaining('no database here') as string });
  });

  it('does not try for ever while the database is said to be away', async () => {
    journal.failures.push(
      ...Array.from({ length: 200 }, () => new DatabaseUnavailableError('away')),
    );
    await expect(messages.send('ml/text', 'x')).rejects.toThrow('for ever');
  });

  it('keeps what a client emits, with the commit or at once', async () => {
    const client = messages.get(MessageClient);
    const work = messages.get(UnitOfWork);
    await work.run(() => lastValueFrom(client.emit('a.b.v1', 1), { defaultValue: undefined }));
    await lastValueFrom(client.emit('a.c.v1', { two: 2 }), { defaultValue: undefined });
    expect(messages.published).toEqual([
      { type: 'a.b.v1', data: 1 },
      { type: 'a.c.v1', data: { two: 2 } },
    ]);
  });

  it('does not take a message for a queue that is not there', async () => {
    await expect(messages.send('elsewhere/route')).rejects.toThrow('no queue "elsewhere"');
  });
});

it('fails as the boot would when routes clash', async () => {
  @Controller()
  @MessageScope('clashing')
  class Clashing {
    @OnMessage(':one')
    one(): void {}

    @OnMessage(':other')
    other(): void {}
  }
  await expect(MessageTester.of({ controllers: [Clashing] })).rejects.toThrow(
    'match the same messages',
  );
});

import { randomUUID } from 'node:crypto';
import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Injectable,
  Module,
  type NestInterceptor,
  ParseIntPipe,
  type PipeTransform,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import {
  BaseRpcExceptionFilter,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { EMPTY, map, type Observable, of, throwError } from 'rxjs';
import { z } from 'zod';
import { DomainError } from '../../src/kernel/domain/domain-error.js';
import { EVENTS_EXCHANGE } from '../../src/kernel/messaging/broker.js';
import { MessageContext } from '../../src/kernel/messaging/message-context.js';
import { MessageScope, PublishResult } from '../../src/kernel/messaging/message.decorators.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import { type App, bootApp, BROKERS } from '../support/app.js';
import { type DeadLetters, Letters } from '../support/letters.js';

const training = z.object({ epochs: z.int().min(1) });

/** What the handlers were given, and what they do beyond that. */
@Injectable()
class Given {
  readonly calls: unknown[][] = [];
  behave: (attempt: number) => unknown = () => undefined;
}

@Injectable()
class Doorkeeper implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToRpc().getContext<MessageContext>();
    return context.getType() === 'rpc' && headers['x-deny'] === undefined;
  }
}

@Injectable()
class Doubling implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler<number>): Observable<number> {
    return next.handle().pipe(map((result) => result * 2));
  }
}

class Shouting implements PipeTransform {
  transform(value: unknown): unknown {
    return typeof value === 'string' ? value.toUpperCase() : value;
  }
}

/** As Nest's own documentation has it. */
@Catch(RpcException)
class AsDocumented implements ExceptionFilter<RpcException> {
  catch(exception: RpcException): Observable<never> {
    return throwError(() => exception.getError());
  }
}

@Catch()
class Hiding extends BaseRpcExceptionFilter {}

@Catch(RangeError)
class Forgiving implements ExceptionFilter<RangeError> {
  catch(exception: RangeError, host: ArgumentsHost): Observable<string> {
    return of(`${host.getType()}: ${exception.message}`);
  }
}

@Controller()
@MessageScope('math')
class MathController {
  constructor(
    private readonly given: Given,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  @MessagePattern('models/:id/train')
  @UseGuards(Doorkeeper)
  @PublishResult('math/:id/trained')
  async train(
    @Payload({ schema: training }) body: z.output<typeof training>,
    @Ctx() context: MessageContext,
  ) {
    const { route, params, attempt } = context;
    this.given.calls.push([body, route, params, attempt, Object.keys(context).sort()]);
    await this.unitOfWork.query('insert into kernel.trained values ($1)', [params['id']]);
    await this.given.behave(attempt);
    return { trained: params['id'] };
  }

  @MessagePattern({ cmd: 'sum' })
  @UseInterceptors(Doubling)
  sum(@Payload('numbers') numbers: number[]): Observable<number> {
    return of(
      1,
      numbers.reduce((sum, number) => sum + number, 0),
    );
  }

  @MessagePattern(['shout', 'cry'])
  @UsePipes(Shouting)
  shout(text: string): string {
    return text;
  }

  @MessagePattern('nothing')
  nothing(): Observable<never> {
    return EMPTY;
  }

  @MessagePattern('whole')
  whole(@Payload('n', ParseIntPipe) n: number): number {
    return n;
  }

  @MessagePattern('refuse')
  refuse(): never {
    throw new RpcException({ code: 'no-such-model', message: 'There is no such model.' });
  }

  @MessagePattern('refuse-as-documented')
  @UseFilters(AsDocumented)
  refuseAsDocumented(): never {
    throw new RpcException('Not today.');
  }

  @MessagePattern('hide')
  @UseFilters(Hiding)
  hide(@Ctx() { attempt }: MessageContext): string {
    if (attempt === 1) throw new TypeError('of no concern to the asker');
    return `attempt ${String(attempt)}`;
  }

  @MessagePattern('forgive')
  @UseFilters(Forgiving)
  forgive(): never {
    throw new RangeError('too far');
  }

  @MessagePattern('guarded', { idempotent: true })
  isGuarded(): boolean {
    return this.unitOfWork.isOpen;
  }

  @EventPattern('probe.happened.v1')
  hear(@Payload() body: unknown): Observable<never> {
    this.given.calls.push(['heard', body]);
    return EMPTY;
  }

  @MessagePattern('not-ours', Transport.KAFKA)
  notOurs(): void {}
}

@Module({ controllers: [MathController], providers: [Given] })
class MathModule {}

describe.each(BROKERS)('a handler with a decorator of Nest on %s', (broker) => {
  let app: App;
  let given: Given;
  let dead: DeadLetters;
  const replies = new Letters();
  const replyTo = `replies-${randomUUID()}`;

  beforeAll(async () => {
    app = await bootApp({ broker, modules: [MathModule], shared: true });
    await app.sql('create table kernel.trained (id text)');
    given = app.get(Given);
    dead = app.deadLetters('math');
    await app.broker.declare([{ name: replyTo, bindings: [] }]);
    await replies.collect(app.broker, replyTo);
  });
  beforeEach(() => {
    given.calls.splice(0);
    given.behave = () => undefined;
  });
  afterAll(async () => {
    await replies.stop();
    await app.stop();
  });

  /** What the asker hears. */
  const ask = async (route: string, body: unknown, headers = {}): Promise<unknown> => {
    const id = await app.send('math', route, body, { replyTo, headers });
    return (await replies.withId(id)).body;
  };
  const trained = async (id: string) =>
    (await app.sql('select 1 from kernel.trained where id = $1', [id])).length;

  it('gets payload and context, and its effect is published and answered once per message', async () => {
    const watched = await app.watch('math.*.trained');
    const id = randomUUID();
    for (let n = 0; n < 2; n += 1) {
      await app.send('math', 'models/17/train', { epochs: 3 }, { id, replyTo });
    }
    await replies.withId(id);
    await app.settle();
    expect(given.calls).toEqual([
      [
        { epochs: 3 },
        'models/:id/train',
        { id: '17' },
        1,
        ['attempt', 'caller', 'headers', 'id', 'params', 'route'],
      ],
    ]);
    expect(await trained('17')).toBe(1);
    expect(watched.all.map(({ routingKey, body }) => [routingKey, body])).toEqual([
      ['math.17.trained', { trained: '17' }],
    ]);
  });

  it.each([
    [
      'what an Observable gave last, through the interceptors',
      '{"cmd":"sum"}',
      { numbers: [2, 3] },
      10,
    ],
    ['what it returns for any of its patterns, through the pipes of its method', 'cry', 'ho', 'HO'],
    ['null for an Observable without a value', 'nothing', {}, null],
    ['what a filter made of an error', 'forgive', {}, 'rpc: too far'],
    [
      'the code of an RpcException',
      'refuse',
      {},
      { error: { code: 'no-such-model', message: 'There is no such model.' } },
    ],
    [
      'what the filter of the documentation says',
      'refuse-as-documented',
      {},
      { error: { code: 'rejected', message: 'Not today.' } },
    ],
    [
      'an error without inner workings when it is none of its business',
      'not-ours',
      {},
      {
        error: { code: 'unreadable', message: expect.stringContaining('Unknown route') as string },
      },
    ],
    ['whether a Unit of Work is open, which the extras can spare it', 'guarded', {}, false],
  ])('answers %s', async (_, route, body, answer) => {
    expect(await ask(route, body)).toEqual(answer);
  });

  it.each([
    {
      by: 'a schema',
      ask: ['models/1/train', { epochs: 0 }, {}],
      code: 'invalid-body',
      says: 'epochs',
    },
    {
      by: 'a guard',
      ask: ['models/1/train', { epochs: 1 }, { 'x-deny': '1' }],
      code: 'http-403',
      says: 'Forbidden',
    },
    { by: 'a pipe', ask: ['whole', { n: 'x' }, {}], code: 'http-400', says: 'numeric string' },
  ] as const)('goes to the dead letters when $by refuses it', async (refused) => {
    const [route, body, headers] = refused.ask;
    const id = await app.send('math', route, body, { replyTo, headers });
    expect((await dead.withId(id)).reason).toContain(refused.says);
    expect((await replies.withId(id)).body).toMatchObject({ error: { code: refused.code } });
    expect(given.calls).toEqual([]);
  });

  it('is tried again after an error, with nothing of the first attempt left', async () => {
    given.behave = (attempt) => {
      if (attempt === 1) throw new Error('not yet');
    };
    const id = await app.send('math', 'models/again/train', { epochs: 1 }, { replyTo });
    expect((await replies.withId(id)).body).toEqual({ trained: 'again' });
    expect(given.calls.map((call) => call[3])).toEqual([1, 2]);
    expect(await trained('again')).toBe(1);
  });

  it('is tried again after an error that a filter of Nest hides', async () => {
    expect(await ask('hide', {})).toBe('attempt 2');
  });

  it('is not tried again after a domain error', async () => {
    given.behave = () => {
      throw new DomainError('conflict', 'model-is-busy', 'It is busy.');
    };
    const id = await app.send('math', 'models/busy/train', { epochs: 1 });
    expect((await dead.withId(id)).reason).toContain('model-is-busy');
    expect(await trained('busy')).toBe(0);
  });

  it('hears the events of its pattern, and may answer with an Observable without a value', async () => {
    const event = {
      id: randomUUID(),
      exchange: EVENTS_EXCHANGE,
      routingKey: 'probe.happened.v1',
      headers: {},
      contentType: 'application/json',
      payload: Buffer.from('{"a":1}'),
    } as const;
    expect(await app.broker.publish([event])).toEqual([undefined]);
    await app.until(() => given.calls.length > 0);
    await app.settle();
    expect(given.calls).toEqual([['heard', { a: 1 }]]);
  });
});

import { Body, Controller, Injectable, Logger, Module } from '@nestjs/common';
import { MessageScope, OnMessage } from '../../src/kernel/messaging/message.decorators.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import { type App, bootApp, BROKERS, KERNEL_ONLY } from '../support/app.js';
import { eventually } from '../support/until.js';
import { type TcpProxy, tcpProxy } from '../contract/tcp-proxy.js';

const { jest } = import.meta;

@Injectable()
class Doings {
  readonly begun: string[] = [];
  atWork = 0;
  mostAtOnce = 0;
  behave: () => Promise<unknown> = () => Promise.resolve();

  attempts(note: string): number {
    return this.begun.filter((one) => one === note).length;
  }

  async do(note: string): Promise<void> {
    this.begun.push(note);
    this.atWork += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atWork);
    try {
      await this.behave();
    } finally {
      this.atWork -= 1;
    }
  }
}

const settings = { circuit: 10, retry: ['1s', '1s', '1s', '1s', '1s'] } as const;

@Controller()
@MessageScope('doing', { ...settings, prefetch: 12, concurrency: 3 })
class DoingController {
  constructor(
    private readonly doings: Doings,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  @OnMessage('do')
  async do(@Body('note') note: string): Promise<void> {
    await this.doings.do(note);
    await this.unitOfWork.query('insert into kernel.doing values ($1)', [note]);
  }
}

@Controller()
@MessageScope('ordered-doing', { circuit: 5, retry: settings.retry, ordered: true })
class OrderedController {
  constructor(private readonly doings: Doings) {}

  @OnMessage('do')
  do(@Body('note') note: string): Promise<void> {
    return this.doings.do(note);
  }
}

@Controller()
@MessageScope('steady')
class SteadyController {
  @OnMessage('do')
  do(): void {}
}

@Module({
  controllers: [DoingController, OrderedController, SteadyController],
  providers: [Doings],
})
class DoingModule {}

const names = (count: number) => Array.from({ length: count }, (_, n) => `note-${String(n)}`);

describe.each(BROKERS)('a scope on %s', (broker) => {
  let app: App;
  let doings: Doings;

  beforeEach(async () => {
    app = await bootApp({ broker, modules: [DoingModule], env: KERNEL_ONLY });
    await app.sql('create table kernel.doing (note text)');
    doings = app.get(Doings);
  });

  const sendAll = (notes: readonly string[], scope = 'doing') =>
    Promise.all(notes.map((note) => app.send(scope, 'do', { note })));
  const health = async () => {
    const { status, body } = await app.http.get('/health');
    const { checks } = body as { checks: { messages: { status: string; reason?: string } } };
    return { status, messages: checks.messages };
  };
  const gauge = async (queue: string) => {
    const { body } = await app.http.get('/metrics');
    return new RegExp(`message_queue_paused\\{queue="${queue}"\\} (\\d)`).exec(String(body))?.[1];
  };

  it('has no more handlers at work than its concurrency, and begins in order', async () => {
    doings.behave = () => app.sql('select pg_sleep(0.01)');
    const notes = names(20);
    for (const note of notes) await app.send('doing', 'do', { note });
    await app.until(() => doings.begun.length === 20);
    await app.settle();
    expect([doings.mostAtOnce, [...doings.begun].sort()]).toEqual([3, [...notes].sort()]);
    // Those at work at once may overtake each other on their way to the handler, but nobody else.
    const steps = doings.begun.map((note, place) => Math.abs(notes.indexOf(note) - place));
    expect(Math.max(...steps)).toBeLessThan(3);
  });

  it('rests while all its handlers fail, says so, and is served again by itself', async () => {
    const dead = app.deadLetters('doing');
    doings.behave = () => Promise.reject(new Error('the mail server is away'));
    const notes = names(12);
    await sendAll(notes);
    await eventually(async () =>
      expect((await health()).messages).toMatchObject({
        status: 'down',
        reason: 'every message fails, so it rests: doing',
      }),
    );
    expect((await health()).status).toBe(200);
    expect((await app.http.get('/health/live')).status).toBe(200);
    await eventually(async () => expect(await gauge('doing')).toBe('1'));
    expect(await gauge('steady')).toBe('0');
    const before = doings.begun.length;
    const probe = Promise.withResolvers<undefined>();
    doings.behave = () => probe.promise;
    await app.until(() => doings.begun.length > before);
    await eventually(async () =>
      expect((await health()).messages).toMatchObject({ status: 'up', reason: 'probing: doing' }),
    );
    doings.behave = () => Promise.resolve();
    probe.resolve(undefined);
    await app.until(
      async () => (await app.sql('select 1 from kernel.doing')).length === notes.length,
      { withinMs: 25_000 },
    );
    await eventually(async () => expect((await health()).messages.status).toBe('up'));
    expect(await gauge('doing')).toBe('0');
    expect(await dead.ids()).toEqual([]);
    expect(Math.max(...notes.map((note) => doings.attempts(note)))).toBeLessThanOrEqual(6);
  });

  it('is attached again as soon as the broker lets it, and says so until then', async () => {
    doings.behave = () => Promise.reject(new Error('away'));
    const consume = app.broker.consume.bind(app.broker);
    let refused = 0;
    let isOver = false;
    const attaching = jest.spyOn(app.broker, 'consume').mockImplementation((...args) => {
      if (isOver) return consume(...args);
      refused += 1;
      return Promise.reject(new Error('no more channels'));
    });
    const logged = [jest.spyOn(Logger.prototype, 'error'), jest.spyOn(Logger.prototype, 'log')];
    const attachments = () =>
      logged.flatMap(({ mock }) => mock.calls.map(String)).filter((line) => /ttach/.test(line));
    const notes = names(12);
    await sendAll(notes);
    await app.until(() => refused === 3);
    await eventually(async () =>
      expect((await health()).messages).toMatchObject({
        status: 'down',
        reason: 'the broker does not let us attach: doing; probing: doing',
      }),
    );
    expect(attachments()).toHaveLength(1);
    doings.behave = () => Promise.resolve();
    isOver = true;
    await app.until(
      async () => (await app.sql('select 1 from kernel.doing')).length === notes.length,
      { withinMs: 25_000 },
    );
    await eventually(async () => expect((await health()).messages.status).toBe('up'));
    expect(attachments()).toHaveLength(2);
    for (const spy of [attaching, ...logged]) spy.mockRestore();
  });

  it('that is ordered keeps what it holds while it rests', async () => {
    doings.behave = () => Promise.reject(new Error('away'));
    const notes = names(6);
    await sendAll(notes, 'ordered-doing');
    await eventually(async () =>
      expect((await health()).messages.reason).toContain('rests: ordered-doing'),
    );
    doings.behave = () => Promise.resolve();
    await eventually(async () => expect((await health()).messages.status).toBe('up'));
    await app.settle();
    expect(await app.deadLetters('ordered-doing').ids()).toEqual([]);
  });
});

describe('a database that is away', () => {
  let proxy: TcpProxy | undefined;
  afterEach(() => proxy?.close());

  it('costs no message an attempt', async () => {
    const ground = await bootApp({
      broker: 'rabbitmq',
      modules: [DoingModule],
      env: { ...KERNEL_ONLY, ROLES: 'api' },
    });
    await ground.sql('create table kernel.doing (note text)');
    const dead = ground.deadLetters('doing');
    const server = new URL(ground.databaseUrl);
    const behind = { host: server.hostname, port: Number(server.port) };
    proxy = await tcpProxy(behind);
    server.port = String(proxy.port);
    const worker = await bootApp({
      beside: ground,
      modules: [DoingModule],
      env: { ...KERNEL_ONLY, ROLES: 'worker', DATABASE_URL: server.href },
    });
    const doings = worker.get(Doings);
    const { port } = proxy;
    await proxy.close();
    const notes = names(15);
    await Promise.all(notes.map((note) => ground.send('doing', 'do', { note })));
    await eventually(() => expect(worker.http.get('/health')).rejects.toThrow('rests: doing'));
    proxy = await tcpProxy(behind, port);
    await ground.until(
      async () => (await ground.sql('select 1 from kernel.doing')).length === notes.length,
      { withinMs: 25_000 },
    );
    expect(await dead.ids()).toEqual([]);
    expect(doings.begun).toHaveLength(notes.length);
    await worker.stop();
  });
});

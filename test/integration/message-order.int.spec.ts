import { randomUUID } from 'node:crypto';
import { Body, Controller, Headers, Injectable, Module } from '@nestjs/common';
import { HEADER } from '../../src/kernel/messaging/message-headers.js';
import { MessageScope, OnMessage } from '../../src/kernel/messaging/message.decorators.js';
import { DeadLetter } from '../../src/kernel/messaging/settlement.js';
import { commandMessage } from '../../src/kernel/outbox/outbox-message.js';
import { Outbox } from '../../src/kernel/outbox/outbox.js';
import { UnitOfWork } from '../../src/kernel/persistence/unit-of-work.js';
import { type TcpProxy, tcpProxy } from '../contract/tcp-proxy.js';
import { type App, bootApp, BROKERS, KERNEL_ONLY } from '../support/app.js';

interface Step {
  readonly key: string;
  readonly n: number;
}

@Injectable()
class Steps {
  readonly begun: Step[] = [];
  readonly keysAtWork = new Set<string>();
  mostAtOnce = 0;
  behave: (step: Step, times: number) => Promise<unknown> = () => Promise.resolve();

  times({ key, n }: Step): number {
    return this.begun.filter((one) => one.key === key && one.n === n).length;
  }
}

@Controller()
@MessageScope('lanes', { ordered: true, retry: ['1s', '1s'], prefetch: 50, concurrency: 10 })
class LanesController {
  constructor(
    private readonly steps: Steps,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  @OnMessage('step')
  async step(@Body() step: Step, @Headers('x-key') key: string): Promise<void> {
    if (this.steps.keysAtWork.has(key)) throw new DeadLetter('two of one key at once');
    this.steps.keysAtWork.add(key);
    try {
      this.steps.begun.push(step);
      this.steps.mostAtOnce = Math.max(this.steps.mostAtOnce, this.steps.keysAtWork.size);
      await this.steps.behave(step, this.steps.times(step));
      await this.unitOfWork.query('insert into kernel.step (key, n) values ($1, $2)', [
        step.key,
        step.n,
      ]);
    } finally {
      this.steps.keysAtWork.delete(key);
    }
  }
}

@Module({ controllers: [LanesController], providers: [Steps] })
class LanesModule {}

const STEP_TABLE =
  'create table kernel.step (key text not null, n int not null, place bigint generated always as identity)';

describe.each(BROKERS)('messages of an ordered scope on %s', (broker) => {
  let app: App;
  let steps: Steps;

  beforeEach(async () => {
    app = await bootApp({ broker, modules: [LanesModule], env: KERNEL_ONLY });
    await app.sql(STEP_TABLE);
    steps = app.get(Steps);
  });

  const send = (step: Step) =>
    app.send('lanes', 'step', step, { headers: { [HEADER.key]: step.key } });
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
  const sendAll = async (keys: readonly string[], count: number) => {
    for (const n of numbers(count)) for (const key of keys) await send({ key, n });
  };
  const done = async (key: string) => {
    const rows = await app.sql<{ n: number }>(
      'select n from kernel.step where key = $1 order by place',
      [key],
    );
    return rows.map((row) => row.n);
  };
  const allDone = (keys: readonly string[], count: number) =>
    app.until(async () => {
      const all = await Promise.all(keys.map(done));
      return all.every((one) => new Set(one).size >= count);
    });

  it('are handled one after the other per key, and of different keys at once', async () => {
    const keys = ['a', 'b', 'c', 'd'];
    steps.behave = () => app.sql('select pg_sleep(0.005)');
    await sendAll(keys, 15);
    await allDone(keys, 15);
    for (const key of keys) expect(await done(key)).toEqual(numbers(15));
    expect(steps.mostAtOnce).toBeGreaterThan(1);
  });

  it('wait for one that failed and is tried again in its place, while other keys go on', async () => {
    steps.behave = ({ key, n }, times) =>
      key === 'a' && n === 1 && times < 3
        ? Promise.reject(new Error('not yet'))
        : Promise.resolve();
    await sendAll(['a'], 4);
    await app.until(() => steps.times({ key: 'a', n: 1 }) === 1);
    await sendAll(['b'], 4);
    await allDone(['b'], 4);
    expect(await done('a')).toEqual([0]);
    await allDone(['a'], 4);
    expect([await done('a'), steps.times({ key: 'a', n: 1 })]).toEqual([numbers(4), 3]);
  });

  it('go on behind one that has failed for the last time, which is a dead letter', async () => {
    const dead = app.deadLetters('lanes');
    steps.behave = ({ n }) => (n === 1 ? Promise.reject(new Error('always')) : Promise.resolve());
    await send({ key: 'a', n: 0 });
    const poison = await send({ key: 'a', n: 1 });
    await send({ key: 'a', n: 2 });
    expect((await dead.withId(poison)).reason).toBe('gave up after 3 attempts: Error: always');
    await app.until(async () => (await done('a')).length === 2);
    expect(await done('a')).toEqual([0, 2]);
  });

  it('carry the key of the outbox', async () => {
    const unitOfWork = app.get(UnitOfWork);
    for (const n of numbers(5)) {
      const command = { queue: 'lanes', route: 'step', body: { key: 'from outbox', n } };
      await unitOfWork.run(() =>
        app.get(Outbox).append([commandMessage(command, { key: 'from outbox' })]),
      );
    }
    await allDone(['from outbox'], 5);
    expect(await done('from outbox')).toEqual(numbers(5));
  });

  it('are served by one process, and by another when that stops, in order and each once', async () => {
    const other = await bootApp({ modules: [LanesModule], beside: app, env: KERNEL_ONLY });
    const others = other.get(Steps);
    const keys = ['a', 'b', 'c'];
    steps.behave = () => app.sql('select pg_sleep(0.02)');
    await sendAll(keys, 10);
    await app.until(() => steps.begun.length >= 6);
    expect(others.begun).toEqual([]);
    await app.stop();
    const rows = async () => other.sql<Step>('select key, n from kernel.step order by place');
    await other.until(async () => (await rows()).length >= 30);
    const all = await rows();
    for (const key of keys) {
      expect(all.filter((one) => one.key === key).map((one) => one.n)).toEqual(numbers(10));
    }
    expect(others.begun.length).toBeGreaterThan(0);
  });
});

describe('a lost connection', () => {
  let proxy: TcpProxy | undefined;
  afterEach(() => proxy?.close());

  it.each(BROKERS)('costs no key its order on %s', async (broker) => {
    const ground = await bootApp({
      broker,
      modules: [LanesModule],
      env: { ...KERNEL_ONLY, ROLES: 'api' },
    });
    await ground.sql(STEP_TABLE);
    const server = new URL(ground.amqpUrl ?? ground.databaseUrl);
    proxy = await tcpProxy({ host: server.hostname, port: Number(server.port) });
    server.port = String(proxy.port);
    const line = ground.amqpUrl === undefined ? {} : { AMQP_URL: server.href };
    const env = { ...KERNEL_ONLY, ...line };
    const app = await bootApp({ beside: ground, modules: [LanesModule], env });
    const steps = app.get(Steps);
    steps.behave = () => ground.sql('select pg_sleep(0.01)');
    const key = randomUUID();
    for (let n = 0; n < 30; n += 1) {
      await ground.send('lanes', 'step', { key, n }, { headers: { [HEADER.key]: key } });
    }
    for (const seen of [5, 12]) {
      await app.until(() => steps.begun.length >= seen);
      proxy.cut();
      await ground.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'millrace-turn'`,
      );
    }
    const rows = () => ground.sql<Step>('select n from kernel.step order by place');
    await app.until(async () => (await rows()).length === 30);
    expect((await rows()).map((row) => row.n)).toEqual(Array.from({ length: 30 }, (_, n) => n));
    expect(await ground.deadLetters('lanes').ids()).toEqual([]);
    await app.stop();
  });
});

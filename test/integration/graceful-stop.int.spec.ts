import { Body, Controller, Injectable, Module } from '@nestjs/common';
import { MessageScope, OnMessage } from '../../src/kernel/messaging/message.decorators.js';
import { bootApp, BROKERS } from '../support/app.js';
import { Probe, PROBE_TABLE, ProbeModule } from '../support/probe.module.js';
import { gate, tasksOf, Work, WorkModule } from '../support/work.module.js';

@Injectable()
class Turns {
  readonly begun: string[] = [];
  until: Promise<void> = Promise.resolve();
}

/** One at a time, and many at hand. */
@Controller()
@MessageScope('turns', { prefetch: 10, concurrency: 1 })
class TurnsController {
  constructor(private readonly turns: Turns) {}

  @OnMessage('take')
  async take(@Body('note') note: string): Promise<void> {
    this.turns.begun.push(note);
    await this.turns.until;
  }
}

@Module({ controllers: [TurnsController], providers: [Turns] })
class TurnsModule {}

const WORKER = { ROLES: 'worker', SHUTDOWN_GRACE_MS: '10000' };
const names = (count: number) => Array.from({ length: count }, (_, n) => `note-${String(n)}`);

describe.each(BROKERS)('a stop on %s', (broker) => {
  it('lets the handlers at work finish, and leaves the rest to others', async () => {
    const keeper = await bootApp({ broker, modules: [ProbeModule], env: { ROLES: 'api' } });
    await keeper.sql(PROBE_TABLE);
    const env = { ...WORKER, MESSAGE_PREFETCH: '2' };
    const app = await bootApp({ beside: keeper, modules: [ProbeModule], env });
    const probe = app.get(Probe);
    // Longer than everything else that a stop waits for.
    probe.behave = () => keeper.sql('select pg_sleep(1.5)');
    const notes = names(5);
    for (const note of notes) await keeper.send('probe', 'effect', { note });
    await app.until(() => probe.notes().length === 2);
    await app.stop();
    const effects = await keeper.sql('select note from kernel.probe_effect order by note');
    expect(effects).toEqual(notes.slice(0, 2).map((note) => ({ note })));
    expect(await keeper.broker.depth('probe')).toBe(3);
  });

  it('gives what is at hand and not begun to others before the handlers at work have ended', async () => {
    const keeper = await bootApp({ broker, modules: [TurnsModule], env: { ROLES: 'api' } });
    const leaving = await bootApp({ beside: keeper, modules: [TurnsModule], env: WORKER });
    const atWork = gate();
    leaving.get(Turns).until = atWork.passed;
    for (const note of names(5)) await keeper.send('turns', 'take', { note });
    await leaving.until(async () => (await keeper.broker.depth('turns')) === 0);
    const staying = await bootApp({ beside: keeper, modules: [TurnsModule], env: WORKER });
    const stopped = leaving.stop();
    const { begun } = staying.get(Turns);
    await staying.until(() => begun.length === 4, { withinMs: 8_000 });
    await keeper.send('turns', 'take', { note: 'late' });
    await staying.until(() => begun.includes('late'), { withinMs: 8_000 });
    expect(leaving.get(Turns).begun).toHaveLength(1);
    atWork.open();
    await stopped;
    await staying.settle();
    expect([...leaving.get(Turns).begun, ...begun].sort()).toEqual(['late', ...names(5)]);
  });

  it('gives tasks that wait for a slot to others before the running ones have ended', async () => {
    const keeper = await bootApp({ broker, modules: [WorkModule], env: { ROLES: 'api,relay' } });
    const env = { ...WORKER, TASKS_CONCURRENCY: '1' };
    const leaving = await bootApp({ beside: keeper, modules: [WorkModule], env });
    const atWork = gate();
    const tasks = tasksOf(keeper);
    leaving.get(Work).scripts.set('long', () => atWork.passed);
    const long = await tasks.create('long');
    await tasks.reached(long.id, 'in_progress');
    const next = [await tasks.create('next'), await tasks.create('next')];
    await keeper.until(async () => (await keeper.sql('select 1 from kernel.outbox')).length === 0);
    await keeper.until(async () => (await keeper.broker.depth('task-runs.default')) === 0);
    await bootApp({ beside: keeper, modules: [WorkModule], env });
    const stopped = leaving.stop();
    for (const { id } of next) await tasks.reached(id, 'succeeded');
    expect((await tasks.get(long.id)).status).toBe('in_progress');
    atWork.open();
    await stopped;
    expect((await tasks.get(long.id)).status).toBe('succeeded');
  });
});

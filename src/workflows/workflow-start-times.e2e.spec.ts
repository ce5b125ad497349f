import { type App, bootApp } from '../../test/support/app.js';
import { publish } from '../../test/support/workflow-runs.js';
import { instancesOf, startedBy, triggerOf } from '../../test/support/workflow-starts.js';
import { FireStarts } from './commands/fire-starts.js';

let app: App;
const instances = (key: string) => instancesOf(app, key);
const trigger = (key: string) => triggerOf(app, key);

describe('a time at which instances are started', () => {
  let now: Date;
  const HOUR = 3_600_000;
  const boot = async () => {
    now = new Date('2030-03-10T12:30:00Z');
    app = await bootApp({ env: { ROLES: 'api' }, clock: { now: () => now } });
  };
  const fire = async (key: string, at: string) => {
    const fired = { key, node: 'begin', at: Date.parse(at) };
    await app.execute(new FireStarts([fired, fired]));
  };
  const started = async (key: string) =>
    (await instances(key)).map(({ variables }) => variables['begin']);

  it('comes again by the clock of its time zone, and starts one instance each', async () => {
    await boot();
    const cron = { cron: '0 9,10 * * *', time_zone: 'Asia/Kathmandu' };
    const key = await publish(app, startedBy({ timer: cron }));
    expect(await trigger(key)).toMatchObject({
      kind: 'timer',
      next_at: '2030-03-11T03:15:00.000Z',
    });
    now = new Date('2030-03-11T03:15:00.200Z');
    for (let time = 0; time < 3; time += 1) await fire(key, '2030-03-11T03:15:00Z');
    expect(await started(key)).toEqual([{ at: '2030-03-11T03:15:00.000Z' }]);
    expect(await trigger(key)).toMatchObject({ next_at: '2030-03-11T04:15:00.000Z' });
    const sent = await app.sql(
      `select due_at from kernel.delayed_message where headers like '%starts/fire%' order by due_at`,
    );
    expect(sent).toEqual([
      { due_at: new Date('2030-03-11T03:15:00Z') },
      { due_at: new Date('2030-03-11T04:15:00Z') },
    ]);
  });

  it.each([
    ['skip', []],
    ['run_once', [{ at: '2030-03-10T18:00:00.000Z' }]],
  ])('that was missed is handled as %s', async (missed, expected) => {
    await boot();
    const timer = { cron: '0 * * * *', missed };
    const key = await publish(app, startedBy({ timer }));
    now = new Date(Date.parse('2030-03-10T13:00:00Z') + 5.5 * HOUR);
    await fire(key, '2030-03-10T13:00:00Z');
    expect(await started(key)).toEqual(expected);
    expect(await trigger(key)).toMatchObject({ next_at: '2030-03-10T19:00:00.000Z' });
  });

  it('is an instant or a duration, comes once, and is made up for', async () => {
    await boot();
    for (const timer of ['2030-03-10T13:00:00Z', 'PT30M']) {
      const key = await publish(app, startedBy({ timer }));
      now = new Date('2030-03-12T00:00:00Z');
      await fire(key, '2030-03-10T13:00:00Z');
      await fire(key, '2030-03-10T13:00:00Z');
      expect(await started(key)).toEqual([{ at: '2030-03-10T13:00:00.000Z' }]);
      expect(await trigger(key)).toMatchObject({ next_at: null });
      now = new Date('2030-03-10T12:30:00Z');
    }
  });

  it('is that of the latest version alone', async () => {
    await boot();
    const draft = startedBy({ timer: { cron: '0 * * * *' } });
    await publish(app, draft);
    await publish(app, { ...draft, nodes: draft['nodes'] ?? null, name: 'the same' });
    now = new Date('2030-03-10T13:00:01Z');
    await fire(draft.key, '2030-03-10T13:00:00Z');
    expect(await instances(draft.key)).toMatchObject([{ version: 2 }]);
    await publish(app, { ...startedBy({}), key: draft.key });
    await fire(draft.key, '2030-03-10T14:00:00Z');
    expect(await instances(draft.key)).toHaveLength(1);
  });

  it('comes by itself with two processes at work, each occurrence once', async () => {
    app = await bootApp();
    await bootApp({ beside: app });
    const key = await publish(app, startedBy({ timer: { cron: '* * * * * *' } }));
    await app.until(async () => (await instances(key)).length >= 3);
    const keys = (await instances(key)).map((one) => one.start_key);
    expect(new Set(keys).size).toBe(keys.length);
    await publish(app, { ...startedBy({}), key });
  });
});

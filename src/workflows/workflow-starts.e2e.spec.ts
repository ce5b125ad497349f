import { type App, bootApp } from '../../test/support/app.js';
import { type Draft, newKey, publish } from '../../test/support/workflow-runs.js';
import { FireStarts } from './commands/fire-starts.js';
import type { JsonObject } from './definition/json.js';
import type { InstanceView } from './workflow-instances.dto.js';
import type { TriggerView } from './workflows.dto.js';

let app: App;

/** Started by `trigger`, then a task of people, unless something else is said. */
function startedBy(trigger: JsonObject, more: JsonObject[] = []): Draft {
  const nodes: JsonObject[] = [
    { id: 'begin', type: 'start', ...trigger },
    ...more,
    { id: 'work', type: 'task', kind: 'human', final: true },
  ];
  const flows = nodes.slice(1).map(({ id = null }, index) => {
    return { from: nodes[index]?.['id'] ?? null, to: id };
  });
  return { key: newKey('started'), nodes, flows };
}

async function instances(key: string): Promise<InstanceView[]> {
  const path = `/workflow-instances?workflow=${key}&limit=200`;
  const { body } = await app.http.get<{ items: InstanceView[] }>(path);
  return body.items.reverse();
}

async function trigger(key: string): Promise<TriggerView | undefined> {
  const { body } = await app.http.get<{ items: TriggerView[] }>(`/workflows/${key}/triggers`);
  return body.items[0];
}

describe('an instance is started', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  describe('by a message', () => {
    const deliver = async (body: object | object[]) =>
      (await app.http.post<{ state: string }>('/messages-in', body)).body;

    it('that nobody waits for, once per id, and is found by its key', async () => {
      const name = newKey('order');
      const key = await publish(
        app,
        startedBy({ message: { name }, output: { total: '=result.total' } }),
      );
      const body = { name, key: 'order-17', id: `${name}-1`, data: { total: 5 } };
      expect(await deliver([body, body])).toEqual([{ state: 'started' }, { state: 'duplicate' }]);
      expect(await deliver(body)).toEqual({ state: 'duplicate' });
      expect(await instances(key)).toMatchObject([
        { business_key: 'order-17', version: 1, variables: { total: 5 }, status: 'running' },
      ]);
    });

    it('and the data is the variable of the start node, whatever the inputs ask for', async () => {
      const name = newKey('order');
      const draft = startedBy({ message: { name } });
      const inputs = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
      const key = await publish(app, { ...draft, inputs });
      await app.send('workflows', 'messages/deliver', { name, data: [1, 2] });
      await app.settle();
      expect(await instances(key)).toMatchObject([{ variables: { begin: [1, 2] } }]);
    });

    it('but not by one that somebody waits for', async () => {
      const name = newKey('order');
      const key = await publish(
        app,
        startedBy({ message: { name } }, [
          { id: 'more', type: 'wait', message: { name, key: '=instance.business_key' } },
        ]),
      );
      const [a, b] = [
        { name, key: 'a', data: 1 },
        { name, key: 'b', data: 2 },
      ];
      expect(await deliver([a, a, b])).toEqual(
        ['started', 'taken', 'started'].map((state) => ({ state })),
      );
      expect(await deliver(b)).toEqual({ state: 'taken' });
      expect(await instances(key)).toMatchObject([
        { business_key: 'a', variables: { begin: 1, more: 1 } },
        { business_key: 'b', variables: { begin: 2, more: 2 } },
      ]);
    });

    it('of the key that the start names, and of no other', async () => {
      const name = newKey('order');
      const key = await publish(app, startedBy({ message: { name, key: 'gold' } }));
      expect(await deliver({ name, key: 'silver', ttl: 0 })).toEqual({ state: 'buffered' });
      expect(await deliver({ name, ttl: 0 })).toEqual({ state: 'buffered' });
      expect(await deliver({ name, key: 'gold' })).toEqual({ state: 'started' });
      expect(await instances(key)).toHaveLength(1);
    });

    it('of the version that is published, and no more when that does not listen', async () => {
      const name = newKey('order');
      const draft = startedBy({ message: { name } });
      await publish(app, draft);
      await publish(app, draft);
      expect(await trigger(draft.key)).toMatchObject({ node: 'begin', version: 2, name });
      await deliver({ name });
      expect(await instances(draft.key)).toMatchObject([{ version: 2 }]);
      await publish(app, { ...startedBy({}), key: draft.key });
      expect(await trigger(draft.key)).toBeUndefined();
      expect(await deliver({ name, ttl: 0 })).toEqual({ state: 'buffered' });
    });

    it('five hundred times by five hundred messages at once', async () => {
      const name = newKey('order');
      const key = await publish(app, startedBy({ message: { name } }));
      await deliver(Array.from({ length: 500 }, (_, data) => ({ name, data })));
      const [row] = await app.sql('select count(*)::int from workflows.instance where key = $1', [
        key,
      ]);
      expect(row).toEqual({ count: 500 });
    });

    it('and is stuck, not lost, when its data cannot be read', async () => {
      const name = newKey('order');
      const key = await publish(
        app,
        startedBy({ message: { name }, output: { n: '=result.n + 1' } }),
      );
      await deliver({ name, data: {} });
      expect(await instances(key)).toMatchObject([{ incidents: 1, status: 'running' }]);
    });
  });

  describe('by a criterion', () => {
    const report = (name: string, value: unknown, key?: string) =>
      app.http.post('/signals', { name, data: { value }, ...(key !== undefined && { key }) });
    const when = 'data.value > config.limit';
    const config = { limit: { default: 5 } };

    it('that begins to hold, and not again while it does', async () => {
      const signal = newKey('heat');
      const key = await publish(app, { ...startedBy({ criterion: { signal, when } }), config });
      for (const value of [4, 6, 7, 8, 3, 9]) await report(signal, value);
      expect(await instances(key)).toMatchObject([
        { variables: { begin: { value: 6 } } },
        { variables: { begin: { value: 9 } } },
      ]);
    });

    it('for each key of its signal, also of several reports at once', async () => {
      const signal = newKey('heat');
      const key = await publish(app, { ...startedBy({ criterion: { signal, when } }), config });
      const values: [string, number][] = [
        ['a', 9],
        ['a', 9],
        ['b', 1],
        ['b', 9],
        ['a', 1],
        ['a', 9],
      ];
      const reports = values.map(([about, value]) => {
        return { name: signal, key: about, data: { value } };
      });
      await app.http.post('/signals', reports);
      await app.http.post('/signals', reports.slice(0, 2));
      expect((await instances(key)).map((one) => one.business_key)).toEqual(['a', 'b', 'a']);
    });

    it('anew by the first report after its time to live', async () => {
      const signal = newKey('heat');
      const criterion = { signal, when, ttl: 'PT0S' };
      const key = await publish(app, { ...startedBy({ criterion }), config });
      await report(signal, 9);
      await report(signal, 9);
      expect(await instances(key)).toHaveLength(2);
    });

    it('measured by the config, and not anew by a version that listens to the same', async () => {
      const signal = newKey('heat');
      const draft = { ...startedBy({ criterion: { signal, when } }), config };
      await publish(app, draft);
      await app.http.send('PATCH', `/workflows/${draft.key}/config`, { body: { limit: 3 } });
      await report(signal, 4);
      await publish(app, draft);
      await report(signal, 4);
      expect(await instances(draft.key)).toMatchObject([{ version: 1 }]);
    });

    it('that can be judged; one that cannot tells why', async () => {
      const signal = newKey('heat');
      const key = await publish(app, { ...startedBy({ criterion: { signal, when } }), config });
      await report(signal, 'hot');
      expect(await trigger(key)).toMatchObject({
        last_error: { message: expect.stringContaining(when) as string },
      });
      await report(signal, 9);
      expect(await trigger(key)).toMatchObject({ last_error: null });
      expect(await instances(key)).toHaveLength(1);
    });
  });
});

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

import { randomUUID } from 'node:crypto';
import { type App, bootApp } from '../../test/support/app.js';
import { newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import { instancesOf, startedBy, triggerOf } from '../../test/support/workflow-starts.js';

let app: App;
const instances = (key: string) => instancesOf(app, key);
const trigger = (key: string) => triggerOf(app, key);

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

    it('and what that calls takes the next one', async () => {
      const name = newKey('order');
      const wait = { id: 'more', type: 'wait', message: { name, key: 'b' } };
      const workflow = await publish(app, startedBy({}, [wait]));
      const call = { id: 'call', type: 'scope', call: { workflow } };
      await publish(app, startedBy({ message: { name, key: 'a' } }, [call]));
      const [a, b] = [
        { name, key: 'a' },
        { name, key: 'b', data: 2 },
      ];
      expect(await deliver([a, b])).toEqual([{ state: 'started' }, { state: 'taken' }]);
      expect(await instances(workflow)).toMatchObject([{ variables: { more: 2 } }]);
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

    it('while the workflow is paused, and goes on when that is resumed', async () => {
      const name = newKey('order');
      const key = await publish(app, startedBy({ message: { name } }));
      await app.http.post(`/workflows/${key}/pause`, {});
      expect(await deliver({ name, key: 'a', data: 1 })).toEqual({ state: 'started' });
      const [held] = await instances(key);
      const run = new WorkflowRun(app, held?.id ?? '');
      expect(await run.positions()).toMatchObject([{ node: 'work', status: 'ready' }]);
      await app.http.post(`/workflows/${key}/resume`, {});
      await app.settle();
      expect(await run.positions()).toMatchObject([{ node: 'work', status: 'waiting' }]);
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

describe('over RabbitMQ, an instance is started', () => {
  it('by a message and by a report once, however often they are sent', async () => {
    app = await bootApp({ broker: 'rabbitmq' });
    const [message, signal] = [newKey('order'), newKey('heat')];
    const ordered = await publish(app, startedBy({ message: { name: message } }));
    const hot = await publish(app, startedBy({ criterion: { signal, when: 'data > 5' } }));
    const [first, second] = [randomUUID(), randomUUID()];
    for (const id of [first, first, second, first])
      await app.send('workflows', 'messages/deliver', { name: message, key: id }, { id });
    const [third, fourth] = [randomUUID(), randomUUID()];
    for (const id of [third, third, fourth])
      await app.send('workflows', 'signals/report', { name: signal, data: 9 }, { id });
    await app.settle();
    expect((await instances(ordered)).map((one) => one.business_key).sort()).toEqual(
      [first, second].sort(),
    );
    expect(await instances(hot)).toHaveLength(1);
  });
});

describe('while too many tasks wait, an instance is started', () => {
  const noop = [{ id: 'noop', type: 'task', kind: 'task:noop' }];

  it('by nothing, and by a message and a report that come again when there is room', async () => {
    app = await bootApp({ env: { TASKS_MAX_BACKLOG: '2', TASKS_EXTERNAL_KINDS: 'video' } });
    const [name, signal] = [newKey('order'), newKey('heat')];
    const ordered = await publish(app, startedBy({ message: { name } }, noop));
    const hot = await publish(app, startedBy({ criterion: { signal, when: 'data > 5' } }, noop));
    const task = { kind: 'video', payload: 1 };
    await app.until(async () => (await app.http.post('/tasks', [task, task])).status === 503);
    const deliver = async () => (await app.http.post('/messages-in', { name, id: name })).status;
    const report = async () => (await app.http.post('/signals', { name: signal, data: 9 })).status;
    expect([await deliver(), await report()]).toEqual([503, 503]);
    await app.sql('delete from tasks.task');
    await app.until(async () => (await deliver()) === 200);
    await app.until(async () => (await report()) === 200);
    expect([await instances(ordered), await instances(hot)]).toMatchObject([[{}], [{}]]);
  });
});

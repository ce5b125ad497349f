import { type App, bootApp } from '../../test/support/app.js';
import {
  chain,
  newKey,
  publish,
  startChain,
  WorkflowRun,
} from '../../test/support/workflow-runs.js';
import type { JsonObject } from './definition/json.js';

let app: App;

describe('between instances', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const human = (id: string): JsonObject => ({ id, type: 'task', kind: 'human' });
  const start = (nodes: JsonObject[], variables?: JsonObject, more?: JsonObject) =>
    startChain(app, nodes, variables, more);

  describe('a signal', () => {
    const hear = (key?: string): JsonObject => {
      return { id: 'hear', type: 'wait', signal: { name: 'alarm', ...(key && { key }) } };
    };
    const report = (body: object) => app.http.post<{ heard: number }>('/signals', body);

    it('is heard by all who wait for it, and by nobody later', async () => {
      const all = [await start([hear()]), await start([hear('=id')], { id: 'a' })];
      const other = await start([hear('=id')], { id: 'b' });
      expect((await report({ name: 'alarm', key: 'a', data: { level: 3 } })).body).toEqual({
        heard: 2,
      });
      for (const run of all)
        expect(await run.view()).toMatchObject({
          status: 'completed',
          variables: { hear: { level: 3 } },
        });
      expect(await other.view()).toMatchObject({ status: 'running' });
      expect((await report([{ name: 'alarm' }, { name: 'silence' }])).body).toEqual([
        { heard: 0 },
        { heard: 0 },
      ]);
      await other.tell({ type: 'cancel' });
    });

    it('may come by message', async () => {
      const run = await start([hear('=id')], { id: 'c' });
      await app.send('workflows', 'signals/report', { name: 'alarm', key: 'c' });
      await app.settle();
      expect(await run.view()).toMatchObject({ status: 'completed' });
    });

    it('is remembered by criteria that begin to wait later, and measured by the config', async () => {
      const config = { limit: { default: 5 } };
      const criteria = ['heat', 'shake'].map((signal) => {
        return { signal, key: '=id', when: 'data.value > config.limit' };
      });
      await report({ name: 'heat', key: 'pump', data: { value: 9 } });
      const run = await start(
        [{ id: 'watch', type: 'wait', criteria }],
        { id: 'pump' },
        { config },
      );
      await report({ name: 'shake', key: 'pump', data: { value: 4 } });
      expect(await run.view()).toMatchObject({ status: 'running' });
      const { workflow } = await run.view();
      await app.http.send('PATCH', `/workflows/${workflow}/config`, { body: { limit: 3 } });
      await app.settle();
      expect(await run.view()).toMatchObject({
        status: 'completed',
        variables: { watch: { heat: { value: 9 }, shake: { value: 4 } } },
      });
      await run.expectHistoryToGiveState();
    });
  });

  describe('a message', () => {
    const take = (id = 'take'): JsonObject => {
      return { id, type: 'wait', message: { name: 'payment', key: '=order' } };
    };
    const deliver = async (body: object) =>
      (await app.http.post<{ state: string }>('/messages-in', body)).body;

    it('is taken by the one who has waited longest', async () => {
      const first = await start([take()], { order: 'one' });
      const second = await start([take()], { order: 'one' });
      expect(await deliver({ name: 'payment', key: 'one', data: 5 })).toEqual({ state: 'taken' });
      expect(await first.view()).toMatchObject({ status: 'completed', variables: { take: 5 } });
      expect(await second.view()).toMatchObject({ status: 'running' });
      expect(await deliver({ name: 'payment', key: 'one' })).toEqual({ state: 'taken' });
      expect(await second.view()).toMatchObject({ status: 'completed' });
    });

    it('that comes too early is kept until somebody waits for it', async () => {
      expect(await deliver({ name: 'payment', key: 'two', data: 1 })).toEqual({
        state: 'buffered',
      });
      expect(await deliver({ name: 'payment', key: 'two', data: 2 })).toEqual({
        state: 'buffered',
      });
      const run = await start([take('a'), take('b')], { order: 'two' });
      expect(await run.view()).toMatchObject({ status: 'completed', variables: { a: 1, b: 2 } });
      expect(await app.sql('select * from workflows.buffered_message')).toEqual([]);
    });

    it('is not kept longer than it lives', async () => {
      await deliver({ name: 'payment', key: 'three', ttl: 0 });
      const run = await start([take()], { order: 'three' });
      expect(await run.view()).toMatchObject({ status: 'running' });
      await run.tell({ type: 'cancel' });
    });

    it('is delivered once per id', async () => {
      const run = await start([take('a'), take('b')], { order: 'four' });
      const body = { name: 'payment', key: 'four', id: 'payment-4' };
      expect(await deliver([body, body])).toEqual([{ state: 'taken' }, { state: 'duplicate' }]);
      expect(await deliver(body)).toEqual({ state: 'duplicate' });
      expect(await run.waiting()).toEqual(['b']);
    });

    it('reaches one who begins to wait because of the message before it', async () => {
      const run = await start([take('a'), take('b'), take('c')], { order: 'five' });
      const bodies = [1, 2, 3].map((data) => ({ name: 'payment', key: 'five', data }));
      expect(await deliver(bodies)).toEqual(bodies.map(() => ({ state: 'taken' })));
      expect(await run.view()).toMatchObject({ variables: { a: 1, b: 2, c: 3 } });
      await run.expectHistoryToGiveState();
    });

    it('is sent by one instance to another', async () => {
      const taker = await start([take()], { order: 'six' });
      const message = { name: 'payment', key: 'six', data: { from: '=instance.id' } };
      const sender = await start([{ id: 'send', type: 'emit', message }]);
      await app.settle();
      expect(await taker.view()).toMatchObject({
        status: 'completed',
        variables: { take: { from: sender.id } },
      });
    });
  });

  describe('a called workflow', () => {
    const call = (workflow: string, more: JsonObject = {}): JsonObject => {
      return { id: 'call', type: 'scope', call: { workflow, input: { n: '=n' } }, ...more };
    };

    it('runs by itself, and gives its variables to its caller', async () => {
      const child = await publish(app, chain(newKey('child'), [human('think')]));
      const run = await start([call(child)], { n: 1 });
      const path = `/workflow-instances?parent_id=${run.id}`;
      const { body } = await app.http.get<{ items: { id: string }[] }>(path);
      const inner = new WorkflowRun(app, body.items[0]?.id ?? '');
      await inner.complete('think', { data: 42 });
      await app.settle();
      expect(await run.view()).toMatchObject({
        status: 'completed',
        variables: { n: 1, call: { n: 1, think: 42 } },
      });
      await run.expectHistoryToGiveState();
    });

    it('may be called a thousand times at once', async () => {
      const add = { id: 'add', type: 'task', kind: 'set', config: { n: '=n + 1' } };
      const child = await publish(app, chain(newKey('child'), [add]));
      const each = { count: 1_000, outcome: 'done' };
      const run = await start([call(child, { each, output: {} })], { n: 1 });
      await app.until(async () => (await run.view()).status === 'completed');
      const path = `/workflow-instances?parent_id=${run.id}&status=completed&limit=200`;
      const { body } = await app.http.get<{ items: object[]; next_cursor: string }>(path);
      expect(body.items).toHaveLength(200);
      expect(body.next_cursor).not.toBeNull();
      await run.expectHistoryToGiveState();
    });

    it('is cancelled with its caller', async () => {
      const child = await publish(app, chain(newKey('child'), [human('think')]));
      const run = await start([call(child)], { n: 1 });
      await run.tell({ type: 'cancel' });
      await app.settle();
      const path = `/workflow-instances?parent_id=${run.id}`;
      expect((await app.http.get(path)).body).toMatchObject({ items: [{ status: 'cancelled' }] });
    });

    it('that cannot be started is an incident of its caller', async () => {
      const run = await start([call('nobody-has-published-it')], { n: 1 });
      expect(await run.positions()).toMatchObject([{ incident: { code: 'child-not-started' } }]);
    });

    it('may be itself, fifty deep', async () => {
      const key = newKey('deep');
      const run = await WorkflowRun.start(
        app,
        await publish(app, {
          key,
          nodes: [
            { id: 'start', type: 'start' },
            { id: 'more', type: 'gateway' },
            {
              id: 'call',
              type: 'scope',
              call: { workflow: key, input: { n: '=n - 1' } },
              final: true,
            },
            { id: 'bottom', type: 'end' },
          ],
          flows: [
            { from: 'start', to: 'more' },
            { from: 'more', when: 'n > 0', to: 'call' },
            { from: 'more', otherwise: true, to: 'bottom' },
          ],
        }),
        { n: 50 },
      );
      await app.until(async () => (await run.view()).status === 'completed');
      const [row] = await app.sql(
        `select count(*)::int as count, max(depth)::int as depth from workflows.instance where key = $1`,
        [key],
      );
      expect(row).toEqual({ count: 51, depth: 50 });
    });
  });
});

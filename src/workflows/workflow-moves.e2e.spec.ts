import { z } from 'zod';
import { type App, bootApp } from '../../test/support/app.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import type { JsonObject } from './definition/json.js';
import {
  WorkflowModule,
  type ModuleContext,
  type ModuleResult,
} from './modules/workflow-module.js';

const weight = z.object({ kg: z.number(), mood: z.string().default('calm') });

/** Weighs, and fails as often as it is told to. */
@WorkflowModule({ name: 'weigh', config: weight, outcomes: ['light', 'heavy'] })
class Weigh {
  failures = 0;
  readonly keys: string[] = [];

  execute(config: z.output<typeof weight>, context: ModuleContext): Promise<ModuleResult> {
    this.keys.push(context.idempotencyKey);
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.reject(new Error('The scales are broken'));
    }
    return Promise.resolve({ outcome: config.kg > 10 ? 'heavy' : 'light', result: { ...config } });
  }
}

class WeighModule {}

let app: App;
describe('what moves instances', () => {
  beforeAll(async () => {
    app = await bootApp({
      modules: [{ module: WeighModule, providers: [Weigh] }],
      shared: true,
    });
  });
  afterAll(() => app.stop());

  const noop = (id: string, more: JsonObject = {}): JsonObject => {
    return { id, type: 'task', kind: 'task:noop', ...more };
  };
  const human = (id: string, more: JsonObject = {}): JsonObject => {
    return { id, type: 'task', kind: 'human', ...more };
  };
  const start = async (nodes: JsonObject[], variables: JsonObject = {}, more: JsonObject = {}) => {
    const run = await WorkflowRun.start(
      app,
      await publish(app, chain(newKey(), nodes, more)),
      variables,
    );
    await app.settle();
    return run;
  };

  describe('a job', () => {
    it('is done by the tasks module, and its end moves the instance on', async () => {
      const run = await start([noop('one'), noop('two'), noop('three')]);
      expect(await run.view()).toMatchObject({ status: 'completed' });
      expect(await run.steps()).toEqual(['start', 'one', 'two', 'three']);
      expect(await app.sql('select * from workflows.job')).toEqual([]);
      await run.expectHistoryToGiveState();
    });

    it('that fails is an incident, and runs again when it is retried', async () => {
      const fails = { failure_probability: '=odds', min_ms: 0, max_ms: 1 };
      const emulate = { id: 'work', type: 'task', kind: 'task:emulate', config: fails };
      const once = { ...emulate, retry: { max_attempts: 1 } };
      const run = await start([once], { odds: 1 });
      expect(await run.view()).toMatchObject({ status: 'running', incidents: 1 });
      expect(await run.positions()).toMatchObject([{ status: 'incident', node: 'work' }]);
      await run.tell({ type: 'set_variables', variables: { odds: 0 } });
      const { status } = await app.http.post(`/workflow-instances/${run.id}/retry`, {});
      expect(status).toBe(200);
      await app.settle();
      expect(await run.view()).toMatchObject({ status: 'completed', incidents: 0 });
      expect((await app.http.post(`/workflow-instances/${run.id}/retry`, {})).status).toBe(409);
      await run.expectHistoryToGiveState();
    });

    it('that nobody waits for any more is cancelled', async () => {
      const later = {
        ...noop('work'),
        kind: 'task:emulate',
        config: { min_ms: 60_000, max_ms: 60_000 },
      };
      const run = await WorkflowRun.start(app, await publish(app, chain(newKey(), [later])));
      await run.tell({ type: 'cancel' });
      await app.settle();
      const [task] = await app.sql(
        `select status from tasks.task where kind = 'emulate' order by id desc limit 1`,
      );
      expect(task).toEqual({ status: 'cancelled' });
      expect(await app.sql('select * from workflows.job')).toEqual([]);
    });

    it('of others moves nothing', async () => {
      await app.http.post('/tasks', {
        kind: 'noop',
        payload: {},
        idempotency_key: 'workflow/1/1/1',
      });
      await app.settle();
      expect((await app.http.get('/health')).status).toBe(200);
    });
  });

  describe('a module', () => {
    const weigh = { id: 'weigh', type: 'task', kind: 'weigh', outcomes: ['light', 'heavy'] };
    const heavy: JsonObject = { ...weigh, config: { kg: '=kg' } };

    it('does what a node of its name asks for, and decides its outcome', async () => {
      const run = await start([{ ...heavy, final: true }], { kg: 12 });
      expect(await run.view()).toMatchObject({
        status: 'completed',
        variables: { weigh: { kg: 12, mood: 'calm' } },
      });
      expect(await run.events()).toContainEqual(
        expect.objectContaining({ type: 'node_completed', outcome: 'heavy' }),
      );
    });

    it('has one idempotency key for all attempts of the tasks module', async () => {
      const module = app.get(Weigh);
      module.failures = 1;
      module.keys.length = 0;
      const run = await WorkflowRun.start(
        app,
        await publish(app, chain(newKey(), [{ ...heavy, final: true }])),
        { kg: 1 },
      );
      await app.until(async () => (await run.view()).status === 'completed');
      expect(module.keys).toHaveLength(2);
      expect(new Set(module.keys).size).toBe(1);
    });

    it('whose config is wrong is an incident that says why', async () => {
      const run = await start([{ ...heavy, final: true }], { kg: 'much' });
      expect(await run.positions()).toMatchObject([{ incident: { code: 'invalid-config' } }]);
    });

    it('is listed with its config', async () => {
      const { body } = await app.http.get<{ items: object[] }>('/workflow-modules');
      expect(body.items).toContainEqual(
        expect.objectContaining({ name: 'weigh', outcomes: ['light', 'heavy'] }),
      );
    });
  });

  describe('a timer', () => {
    it('fires when it is due', async () => {
      const run = await WorkflowRun.start(
        app,
        await publish(app, chain(newKey(), [{ id: 'pause', type: 'wait', timer: 'PT0.2S' }])),
      );
      expect(await run.positions()).toMatchObject([{ waits_for: 'timer' }]);
      await app.until(async () => (await run.view()).status === 'completed');
      await run.expectHistoryToGiveState();
    });

    it('that was set anew does not fire for the instant before', async () => {
      const run = await start([{ id: 'pause', type: 'wait', timer: 'P1D' }]);
      const [position] = await run.positions();
      const body = { instance_id: run.id, token: position?.token, timer: 'wait', at: 1 };
      await app.send('workflows', 'timers/fire', body);
      await app.settle();
      expect(await run.view()).toMatchObject({ status: 'running' });
      const dead = await app.http.get('/dead-letters?queue=workflows');
      expect(dead.body).toMatchObject({ items: [] });
    });
  });

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

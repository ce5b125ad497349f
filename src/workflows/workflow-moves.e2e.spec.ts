import { z } from 'zod';
import { type App, bootApp } from '../../test/support/app.js';
import {
  chain,
  newKey,
  publish,
  startChain,
  WorkflowRun,
} from '../../test/support/workflow-runs.js';
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
  const start = (nodes: JsonObject[], variables?: JsonObject) => startChain(app, nodes, variables);

  describe('a job', () => {
    it('is done by the tasks module, and its end moves the instance on', async () => {
      const run = await start([noop('one'), noop('two'), noop('three')]);
      expect(await run.view()).toMatchObject({ status: 'completed' });
      expect(await run.steps()).toEqual(['start', 'one', 'two', 'three']);
      expect(await app.sql('select id from workflows.instance where jobs is not null')).toEqual([]);
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
      expect(await app.sql('select id from workflows.instance where jobs is not null')).toEqual([]);
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

    it('fires once each for a thousand that are due at the same time', async () => {
      const pause = { id: 'pause', type: 'wait', timer: '=at' };
      const workflow = await publish(app, chain(newKey(), [pause]));
      const variables = { at: new Date(Date.now() + 1_000).toISOString() };
      const starts = Array.from({ length: 1_000 }, () => ({ workflow, variables }));
      expect((await app.http.post('/workflow-instances', starts)).status).toBe(201);
      const count = async (): Promise<unknown> => {
        const [row] = await app.sql(
          `select count(*)::int as ended, min(seq) as least, max(seq) as most
           from workflows.instance where key = $1 and status = 'completed'`,
          [workflow],
        );
        return row;
      };
      await app.until(async () => ((await count()) as { ended: number }).ended === 1_000);
      expect(await count()).toEqual({ ended: 1_000, least: 2, most: 2 });
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
});

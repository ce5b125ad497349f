import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import type { HistoryEntry, InstanceView } from './workflow-instances.dto.js';

const NOWHERE = '019aa3a4-5b6c-7d8e-9f00-112233445566';

let app: App;
describe('workflow instances', () => {
  beforeAll(async () => {
    app = await bootApp({
      env: { WORKFLOWS_EVENTS: 'instance-started,instance-completed,instance-cancelled' },
      shared: true,
    });
  });
  afterAll(() => app.stop());

  const pack = { id: 'pack', type: 'task', kind: 'human' };
  const twice = { id: 'twice', type: 'task', kind: 'set', config: { n: '=n * 2' } };
  const start = (body: object, headers = {}) =>
    app.http.post<InstanceView>('/workflow-instances', body, headers);

  describe('an instance', () => {
    it('waits where it is told to, and ends when that is done', async () => {
      const workflow = await publish(app, chain(newKey(), [twice, pack]));
      const started = await start({ workflow, variables: { n: 4 }, business_key: 'order-1' });
      expect(started).toMatchObject({
        status: 201,
        body: { workflow, version: 1, status: 'running', variables: { n: 8 }, incidents: 0 },
      });
      const run = new WorkflowRun(app, started.body.id);
      expect(await run.waiting()).toEqual(['pack']);
      await run.complete('pack', { data: { boxes: 2 } });
      const view = await run.view();
      expect(view).toMatchObject({
        status: 'completed',
        outcome: 'done',
        variables: { n: 8, pack: { boxes: 2 } },
      });
      expect(view.ended_at).not.toBeNull();
      expect(await run.steps()).toEqual(['start', 'twice', 'pack']);
      await run.expectHistoryToGiveState();
    });

    it('that waits for nothing has come to its end when it is answered', async () => {
      const workflow = await publish(app, chain(newKey(), [twice]));
      const { body } = await start({ workflow, variables: { n: 1 } });
      expect(body).toMatchObject({ status: 'completed', variables: { n: 2 } });
      const rows = await app.sql('select seq from workflows.history where instance_id = $1', [
        body.id,
      ]);
      expect(rows).toEqual([{ seq: 1 }]);
      await new WorkflowRun(app, body.id).expectHistoryToGiveState();
    });

    it('stays with the version that it was started with', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      const { body } = await start({ workflow });
      await publish(app, chain(workflow, [twice]));
      expect((await start({ workflow, variables: { n: 1 } })).body.version).toBe(2);
      expect((await start({ workflow: `${workflow}@1` })).body.version).toBe(1);
      const run = new WorkflowRun(app, body.id);
      await run.complete('pack');
      expect(await run.view()).toMatchObject({ version: 1, status: 'completed' });
    });

    it('is not started twice with one start key, not even at once', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      const body = { workflow, start_key: 'order-17' };
      const both = await Promise.all([start(body), start(body), start([body, body])]);
      const ids = both.flatMap((answer) => [answer.body].flat().map(({ id }) => id));
      expect(new Set(ids).size).toBe(1);
      expect((await start(body)).body.id).toBe(ids[0]);
    });

    it('is not answered for one that a command with a mistake would have started', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      const body = { workflow, start_key: 'order-18' };
      const [refused, started] = await Promise.all([
        start([body, { workflow: 'nothing' }]),
        start(body),
      ]);
      expect(refused.status).toBe(422);
      expect(await new WorkflowRun(app, started.body.id).waiting()).toEqual(['pack']);
    });

    it('is started once per idempotency key', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      const headers = { 'idempotency-key': `key-${workflow}` };
      const first = await start({ workflow }, headers);
      expect((await start({ workflow }, headers)).body.id).toBe(first.body.id);
    });

    it('is started by message, too', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      const id = await app.send('workflows', 'instances/start', {
        workflow,
        business_key: 'by-mail',
      });
      await app.send('workflows', 'instances/start', { workflow, business_key: 'by-mail' }, { id });
      await app.settle();
      const { body } = await app.http.get<{ items: InstanceView[] }>(
        `/workflow-instances?workflow=${workflow}&business_key=by-mail`,
      );
      expect(body.items).toHaveLength(1);
    });
  });

  describe('a start', () => {
    it('of several is all or nothing', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      const refused = await start([{ workflow }, { workflow: 'nothing' }]);
      expect(refused.status).toBe(422);
      expect(problemIn(refused).errors).toMatchObject([{ field: '[1].workflow' }]);
      const path = `/workflow-instances?workflow=${workflow}`;
      expect((await app.http.get<{ items: [] }>(path)).body.items).toEqual([]);
    });

    it('with variables that the inputs do not take is refused', async () => {
      const inputs = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
      const workflow = await publish(app, chain(newKey(), [twice], { inputs }));
      const refused = await start({ workflow, variables: { n: 'many' } });
      expect(refused.status).toBe(422);
      expect(problemIn(refused).errors).toMatchObject([{ field: 'variables.n' }]);
      expect((await start({ workflow, variables: { n: 2 } })).body.variables).toEqual({ n: 4 });
    });

    it('names a workflow, a version and a node that there are', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      for (const wrong of ['nothing', `${workflow}@2`])
        expect((await start({ workflow: wrong })).status).toBe(422);
      expect((await start({ workflow, node: 'pack' })).status).toBe(422);
      expect((await start({ workflow, node: 'start' })).status).toBe(201);
    });
  });

  describe('instances', () => {
    it('are listed newest first, by workflow, status and business key', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      await start([1, 2, 3].map((n) => ({ workflow, business_key: `order-${String(n)}` })));
      const list = async (query: string) => {
        const path = `/workflow-instances?workflow=${workflow}${query}`;
        const { body } = await app.http.get<{ items: InstanceView[]; next_cursor: string }>(path);
        return { keys: body.items.map((one) => one.business_key), next: body.next_cursor };
      };
      const first = await list('&limit=2');
      expect(first.keys).toEqual(['order-3', 'order-2']);
      expect((await list(`&limit=2&cursor=${first.next}`)).keys).toEqual(['order-1']);
      expect((await list('&status=completed')).keys).toEqual([]);
      expect((await list('&status=running&business_key=order-2')).keys).toEqual(['order-2']);
    });

    it('that are not there are not found', async () => {
      for (const path of ['', '/history', '/positions'])
        expect((await app.http.get(`/workflow-instances/${NOWHERE}${path}`)).status).toBe(404);
      expect((await app.http.post(`/workflow-instances/${NOWHERE}/cancel`, {})).status).toBe(404);
    });
  });

  describe('a cancelled instance', () => {
    it('asks nobody for anything any more, and takes nothing', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      const run = await WorkflowRun.start(app, workflow);
      const { id } = await run.userTask('pack');
      const cancelled = await app.http.post(`/workflow-instances/${run.id}/cancel`, {});
      expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled' } });
      expect((await app.http.get(`/user-tasks/${id}`)).body).toMatchObject({ status: 'cancelled' });
      expect((await app.http.post(`/user-tasks/${id}/complete`, {})).status).toBe(409);
      expect((await app.http.post(`/workflow-instances/${run.id}/cancel`, {})).status).toBe(409);
      await run.expectHistoryToGiveState();
    });
  });

  describe('a history', () => {
    it('tells each command with what came of it, page by page', async () => {
      const workflow = await publish(app, chain(newKey(), [pack]));
      const run = await WorkflowRun.start(app, workflow);
      await run.complete('pack');
      const path = `/workflow-instances/${run.id}/history?limit=1`;
      const first = await app.http.get<{ items: HistoryEntry[]; next_cursor: string }>(path);
      expect(first.body.items).toMatchObject([{ seq: 1, command: { type: 'start' } }]);
      const second = await app.http.get<{ items: HistoryEntry[] }>(
        `${path}&cursor=${first.body.next_cursor}`,
      );
      expect(second.body).toMatchObject({
        items: [{ seq: 2, command: { type: 'complete' } }],
        next_cursor: null,
      });
    });
  });

  describe('events', () => {
    it('tell of the start and of the end, in this order', async () => {
      const events = await app.watch('workflows.#');
      const workflow = await publish(app, chain(newKey(), [twice]));
      const { body } = await start({ workflow, variables: { n: 1 }, business_key: 'b' });
      const about = { instance_id: body.id, workflow, version: 1, business_key: 'b' };
      await app.outbox.expect('workflows.instance-completed.v1', { ...about, outcome: 'done' });
      const own = events.all.filter((one) => (one.body as typeof about).instance_id === body.id);
      expect(own.map(({ routingKey }) => routingKey)).toEqual([
        'workflows.instance-started.v1',
        'workflows.instance-completed.v1',
      ]);
    });
  });

  describe('commands to one instance at once', () => {
    it('are all decided, one after the other', async () => {
      const parallel = { ...pack, each: { count: 40 } };
      const workflow = await publish(app, chain(newKey(), [parallel]));
      const run = await WorkflowRun.start(app, workflow);
      const { body } = await app.http.get<{ items: { id: string }[] }>(
        `/user-tasks?instance_id=${run.id}&limit=100`,
      );
      expect(body.items).toHaveLength(40);
      const answers = await Promise.all(
        body.items.map(({ id }) => app.http.post(`/user-tasks/${id}/complete`, {})),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
      expect((await run.view()).status).toBe('completed');
      await run.expectHistoryToGiveState();
    });
  });
});

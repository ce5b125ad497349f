import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import type { BatchView } from './workflow-batches.dto.js';
import type { AuditView, WorkflowPauseView } from './workflow-control.dto.js';

let app: App;
describe('control of a workflow', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const pack = { id: 'pack', type: 'task', kind: 'human' };
  const send = { id: 'send', type: 'task', kind: 'human' };
  const pause = (key: string, body: object = {}) =>
    app.http.post<WorkflowPauseView>(`/workflows/${key}/pause`, body);
  const resume = async (key: string, body: object = {}) => {
    const answer = await app.http.post<WorkflowPauseView>(`/workflows/${key}/resume`, body);
    expect(answer.status).toBe(202);
    await app.settle();
    const path = `/workflow-batches/${answer.body.batch_id ?? ''}`;
    return (await app.http.get<BatchView>(path)).body;
  };

  describe('a pause', () => {
    it('holds all instances, starts none, and the resume reaches each of them', async () => {
      const key = await publish(app, chain(newKey(), [pack, send]));
      const runs = [await WorkflowRun.start(app, key), await WorkflowRun.start(app, key)];
      expect((await pause(key)).body).toMatchObject({ paused: true, batch_id: null });
      for (const run of runs) {
        await run.complete('pack');
        expect(await run.positions()).toMatchObject([{ node: 'send', status: 'ready' }]);
      }
      const refused = await app.http.post('/workflow-instances', [
        { workflow: key },
        { workflow: key },
      ]);
      expect([refused.status, problemIn(refused).errors]).toMatchObject([
        409,
        [{ field: '[0].workflow' }],
      ]);
      expect(await resume(key)).toMatchObject({
        status: 'completed',
        total: 2,
        done: 2,
        failed: 0,
      });
      for (const run of runs) {
        expect(await run.waiting()).toEqual(['send']);
        await run.expectHistoryToGiveState();
      }
      expect((await app.http.post('/workflow-instances', { workflow: key })).status).toBe(201);
    });

    it('of a node holds only that, in all instances', async () => {
      const key = await publish(app, chain(newKey(), [pack, send]));
      await pause(key, { node: 'send' });
      const run = await WorkflowRun.start(app, key);
      await run.complete('pack');
      expect(await run.positions()).toMatchObject([{ node: 'send', status: 'ready' }]);
      const { body } = await app.http.get('/workflows?limit=200');
      expect(body).toMatchObject({
        items: expect.arrayContaining([
          expect.objectContaining({ key, paused: false, paused_nodes: ['send'] }),
        ]) as unknown,
      });
      await resume(key, { node: 'send' });
      expect(await run.waiting()).toEqual(['send']);
    });

    it('does not undo, and is not undone by, that of an instance', async () => {
      const key = await publish(app, chain(newKey(), [pack, send]));
      const run = await WorkflowRun.start(app, key);
      await app.http.post(`/workflow-instances/${run.id}/pause`, {});
      await pause(key);
      await run.complete('pack');
      await resume(key);
      expect(await run.positions()).toMatchObject([{ status: 'ready' }]);
      await pause(key);
      await app.http.post(`/workflow-instances/${run.id}/resume`, {});
      expect(await run.positions()).toMatchObject([{ status: 'ready' }]);
      await resume(key);
      expect(await run.positions()).toMatchObject([{ status: 'waiting' }]);
    });

    it('lets what others call be born, held', async () => {
      const key = await publish(app, chain(newKey(), [pack]));
      await pause(key);
      const call = { id: 'call', type: 'scope', call: { workflow: key } };
      const caller = await WorkflowRun.start(app, await publish(app, chain(newKey(), [call])));
      const { body } = await app.http.get<{ items: { id: string }[] }>(
        `/workflow-instances?parent_id=${caller.id}`,
      );
      const child = new WorkflowRun(app, body.items[0]?.id ?? '');
      expect(await child.positions()).toMatchObject([{ node: 'start', status: 'ready' }]);
      await resume(key);
      await child.complete('pack');
      await app.settle();
      expect(await caller.view()).toMatchObject({ status: 'completed' });
    });

    it('comes by message, too', async () => {
      const key = await publish(app, chain(newKey(), [pack]));
      await app.send('workflows', `workflows/${key}/pause`, {});
      await app.settle();
      expect((await app.http.post('/workflow-instances', { workflow: key })).status).toBe(409);
      await app.send('workflows', `workflows/${key}/resume`, {});
      await app.settle();
      expect((await app.http.post('/workflow-instances', { workflow: key })).status).toBe(201);
    });

    it('names what is wrong with it', async () => {
      const key = await publish(app, chain(newKey(), [pack]));
      const refused = await pause(key, { node: 'nowhere' });
      expect([refused.status, problemIn(refused).errors]).toMatchObject([422, [{ field: 'node' }]]);
      expect((await pause('nothing')).status).toBe(404);
    });
  });

  describe('the audit', () => {
    it('tells who has changed what, and what it was before', async () => {
      const config = { mail_to: { default: 'a@example.com' } };
      const key = await publish(app, chain(newKey(), [pack], { config }));
      const path = `/workflows/${key}/config`;
      await app.http.send('PATCH', path, { body: { mail_to: 'b@example.com' } });
      await app.http.send('PATCH', path, { body: { mail_to: null } });
      await pause(key);
      const { body } = await app.http.get<{ items: AuditView[] }>(`/workflows/${key}/audit`);
      expect(body.items).toMatchObject([
        { action: 'paused', details: { node: null }, by: null },
        {
          action: 'config-changed',
          details: { mail_to: { before: 'b@example.com', after: null } },
        },
        {
          action: 'config-changed',
          details: { mail_to: { before: null, after: 'b@example.com' } },
        },
        { action: 'published', details: { version: 1 } },
      ]);
      expect((await app.http.get('/workflows/nothing/audit')).status).toBe(404);
    });
  });
});

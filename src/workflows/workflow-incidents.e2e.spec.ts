import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import {
  chain,
  newKey,
  publish,
  startChain,
  WorkflowRun,
} from '../../test/support/workflow-runs.js';
import type { WorkflowCommand } from './engine/commands.js';
import type { BatchFailureView, BatchView } from './workflow-batches.dto.js';
import type { IncidentView } from './workflow-incidents.dto.js';

let app: App;
describe('incidents', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const sum = { id: 'sum', type: 'task', kind: 'set', config: { total: '=price * config.factor' } };
  const human = { id: 'pack', type: 'task', kind: 'human' };
  const config = { factor: { default: 2 } };
  const list = async (query: string) => {
    const { body } = await app.http.get<{ items: IncidentView[]; next_cursor: string | null }>(
      `/incidents?${query}`,
    );
    return body;
  };
  const resolve = async (body: object) => {
    const created = await app.http.post<BatchView>('/incidents/resolve', body);
    expect(created.status).toBe(202);
    await app.settle();
    return (await app.http.get<BatchView>(`/workflow-batches/${created.body.id}`)).body;
  };
  const commandsOf = (key: string, type: WorkflowCommand['type']) =>
    app.sql(
      `select h.instance_id, count(*)::int as times from workflows.history h join workflows.instance i on i.id = h.instance_id
       where i.key = $1 and h.command->>'type' = $2 group by 1`,
      [key, type],
    );

  it('tell where instances are stuck, and go away when these go on', async () => {
    const run = await startChain(app, [sum, human], { price: 'dear' }, { config });
    const { workflow } = await run.view();
    const { items } = await list(`workflow=${workflow}`);
    expect(items).toMatchObject([
      { instance_id: run.id, workflow, version: 1, node: 'sum', code: 'expression-failed' },
    ]);
    expect(await list(`instance_id=${run.id}&code=expression-failed&node=sum`)).toMatchObject({
      items: [{ instance_id: run.id }],
    });
    for (const other of ['code=no-flow', 'node=pack'])
      expect((await list(`instance_id=${run.id}&${other}`)).items).toEqual([]);
    await app.http.post(`/workflow-instances/${run.id}/variables`, { variables: { price: 4 } });
    expect((await list(`instance_id=${run.id}`)).items).toHaveLength(1);
    await app.http.post(`/workflow-instances/${run.id}/retry`, {});
    expect((await list(`instance_id=${run.id}`)).items).toEqual([]);
    expect(await run.view()).toMatchObject({ incidents: 0, variables: { total: 8 } });
    await run.expectHistoryToGiveState();
  });

  it('of an expression over the config are repaired by a change of the config', async () => {
    const bad = { factor: { default: 'two' } };
    const run = await startChain(app, [sum, human], { price: 4 }, { config: bad });
    const { workflow } = await run.view();
    expect((await list(`workflow=${workflow}`)).items).toHaveLength(1);
    const body = { factor: 3 };
    expect((await app.http.send('PATCH', `/workflows/${workflow}/config`, { body })).status).toBe(
      200,
    );
    const batch = await resolve({ filter: { workflow } });
    expect(batch).toMatchObject({ status: 'completed', total: 1, done: 1, failed: 0 });
    expect(await run.view()).toMatchObject({ incidents: 0, variables: { total: 12 } });
  });

  it('go away with their instance, also those of the instance itself', async () => {
    const key = newKey();
    await publish(app, {
      key,
      nodes: [
        { id: 'start', type: 'start' },
        human,
        { ...human, id: 'bill' },
        { ...human, id: 'meet', final: true, join: { mode: 'all' } },
      ],
      flows: [
        { from: 'start', to: 'pack' },
        { from: 'start', to: 'bill' },
        { from: 'pack', to: 'meet' },
        { from: 'bill', to: 'meet' },
      ],
    });
    const run = await WorkflowRun.start(app, key);
    const bill = (await run.positions()).find(({ node }) => node === 'bill');
    await app.http.post(`/workflow-instances/${run.id}/cancel`, { token: bill?.token });
    await run.complete('pack');
    expect((await list(`workflow=${key}`)).items).toMatchObject([{ token: 0, code: 'deadlock' }]);
    await app.http.post(`/workflow-instances/${run.id}/cancel`, {});
    expect((await list(`workflow=${key}`)).items).toEqual([]);
    const stuck = await startChain(app, [sum], { price: 'dear' }, { config });
    await app.http.post(`/workflow-instances/${stuck.id}/cancel`, {});
    expect((await list(`instance_id=${stuck.id}`)).items).toEqual([]);
  });

  it('are listed page by page', async () => {
    const workflow = await publish(app, chain(newKey(), [sum], { config }));
    await app.http.post(
      '/workflow-instances',
      Array.from({ length: 5 }, () => ({ workflow })),
    );
    const first = await list(`workflow=${workflow}&limit=3`);
    const second = await list(`workflow=${workflow}&limit=3&cursor=${first.next_cursor ?? ''}`);
    const ids = [...first.items, ...second.items].map((one) => one.instance_id);
    expect([ids.length, new Set(ids).size, second.next_cursor]).toEqual([5, 5, null]);
  });

  it('of many instances are resolved by a batch, each once, and those that stay stuck are told', async () => {
    const workflow = await publish(app, chain(newKey(), [sum], { config }));
    const started = Array.from({ length: 450 }, (_, n) => ({
      workflow,
      variables: { price: 'dear', other: n },
    }));
    await app.http.post('/workflow-instances', started);
    const failed = await resolve({ filter: { workflow }, variables: { price: null } });
    expect(failed).toMatchObject({ status: 'completed', total: 450, done: 450, failed: 450 });
    const failures = await app.http.get<{ items: BatchFailureView[]; next_cursor: string }>(
      `/workflow-batches/${failed.id}/failures?limit=200`,
    );
    expect(failures.body.items).toHaveLength(200);
    expect(failures.body.items[0]?.problems).toMatchObject([
      { node: 'sum', code: 'expression-failed' },
    ]);
    const batch = await resolve({
      filter: { workflow, code: 'expression-failed' },
      variables: { price: 1 },
    });
    expect(batch).toMatchObject({ status: 'completed', total: 450, done: 450, failed: 0 });
    expect((await list(`workflow=${workflow}`)).items).toEqual([]);
    const retries = await commandsOf(workflow, 'retry');
    expect(retries).toHaveLength(450);
    expect(retries.every(({ times }) => times === 2)).toBe(true);
  });

  it('are resolved by message, too', async () => {
    const run = await startChain(app, [sum], { price: 'dear' }, { config });
    const filter = { instance_id: run.id };
    await app.send('workflows', 'incidents/resolve', { filter, variables: { price: 2 } });
    await app.settle();
    expect(await run.view()).toMatchObject({ status: 'completed', variables: { total: 4 } });
  });

  it('are not all resolved by a filter that forgets to say which', async () => {
    const refused = await app.http.post('/incidents/resolve', { filter: {} });
    expect(refused.status).toBe(422);
    expect(problemIn(refused).errors).toMatchObject([{ field: 'filter' }]);
  });

  describe('a batch', () => {
    it('that is cancelled leaves the rest, and can be cancelled once', async () => {
      const created = await app.http.post<BatchView>('/incidents/resolve', {
        filter: { workflow: 'nothing' },
      });
      const path = `/workflow-batches/${created.body.id}`;
      await app.settle();
      expect((await app.http.post(`${path}/cancel`)).status).toBe(409);
      expect((await app.http.get<BatchView>(path)).body).toMatchObject({ total: 0, done: 0 });
      const { body } = await app.http.get<{ items: BatchView[] }>('/workflow-batches?limit=1');
      expect(body.items).toMatchObject([{ id: created.body.id, status: 'completed' }]);
    });

    it('that is not there is not found', async () => {
      const path = '/workflow-batches/019aa3a4-5b6c-7d8e-9f00-112233445566';
      expect((await app.http.get(path)).status).toBe(404);
      expect((await app.http.get(`${path}/failures`)).status).toBe(404);
      expect((await app.http.post(`${path}/cancel`)).status).toBe(404);
    });
  });
});

import { type App, bootApp } from '../../test/support/app.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import { HeatRepository } from './heat.repository.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { HeatView } from './workflow-control.dto.js';

let app: App;
describe('the heat of a workflow', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const pack = { id: 'pack', type: 'task', kind: 'human' };
  const sum = { id: 'sum', type: 'task', kind: 'set', config: { n: '=n + 1' } };
  const heat = async (key: string, query = '') =>
    (await app.http.get<HeatView>(`/workflows/${key}/heat${query}`)).body;

  it('counts what is at each node and what was done, to the last step', async () => {
    const key = await publish(app, chain(newKey(), [pack, sum]));
    const runs = await Promise.all([1, 2, 3].map((n) => WorkflowRun.start(app, key, { n })));
    const wrong = await WorkflowRun.start(app, key, { n: 'x' });
    await runs[0]?.complete('pack');
    await wrong.complete('pack');
    const expected = {
      key,
      version: null,
      running: 3,
      ended: 1,
      incidents: 1,
      steps: 7,
      nodes: [
        { node: 'pack', tokens: 2, incidents: 0, completed: 2 },
        { node: 'start', tokens: 0, incidents: 0, completed: 4 },
        { node: 'sum', tokens: 1, incidents: 1, completed: 1 },
      ],
    };
    expect(await heat(key)).toEqual(expected);
    await app.get(UnitOfWork).run(() => app.get(HeatRepository).fold());
    expect(await heat(key)).toEqual(expected);
    await wrong.tell({ type: 'cancel' });
    await runs[1]?.tell({ type: 'cancel' });
    expect(await heat(key)).toMatchObject({ running: 1, ended: 3, incidents: 0, steps: 7 });
  });

  it('counts each of many, and what is withdrawn no more', async () => {
    const key = await publish(app, chain(newKey(), [{ ...pack, each: { count: 5 } }]));
    const run = await WorkflowRun.start(app, key);
    expect((await heat(key)).nodes).toMatchObject([{ node: 'pack', tokens: 5 }, { node: 'start' }]);
    await run.complete('pack');
    expect((await heat(key)).nodes).toMatchObject([{ tokens: 4, completed: 1 }, {}]);
    await run.tell({ type: 'cancel' });
    expect((await heat(key)).nodes).toMatchObject([{ tokens: 0, completed: 1 }, {}]);
  });

  it('follows instances to another version', async () => {
    const key = await publish(app, chain(newKey(), [pack]));
    await publish(app, chain(key, [{ ...pack, id: 'wrap' }]));
    const run = await WorkflowRun.start(app, `${key}@1`);
    await app.http.post(`/workflow-instances/${run.id}/migrate`, {
      version: 2,
      nodes: { pack: 'wrap' },
    });
    expect(await heat(key, '?version=1')).toMatchObject({ running: 0 });
    expect(await heat(key, '?version=2')).toMatchObject({
      running: 1,
      nodes: [{ node: 'wrap', tokens: 1 }],
    });
  });

  it('is that of the instances, whatever is told to them at once', async () => {
    const key = await publish(app, chain(newKey(), [pack, { ...pack, id: 'send' }]));
    const runs = await Promise.all(Array.from({ length: 30 }, () => WorkflowRun.start(app, key)));
    await Promise.all(runs.map((run) => run.complete('pack')));
    await Promise.all(runs.slice(0, 10).map((run) => run.complete('send')));
    expect(await heat(key)).toMatchObject({ running: 20, ended: 10, steps: 70 });
    expect((await app.http.get('/workflows/nothing/heat')).status).toBe(404);
  });
});

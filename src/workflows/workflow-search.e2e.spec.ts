import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import type { InstanceView } from './workflow-instances.dto.js';

let app: App;
describe('the search of instances by their variables', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const pack = { id: 'pack', type: 'task', kind: 'human' };
  const search = (query: string) =>
    app.http.get<{ items: InstanceView[]; next_cursor: string | null }>(
      `/workflow-instances?${query}`,
    );
  const found = async (query: string) => (await search(query)).body.items.map(({ id }) => id);
  const rowsOf = (key: string) =>
    app.sql('select * from workflows.instance_variable where key = $1', [key]);

  it('finds what the definition declares, as it is now', async () => {
    const workflow = await publish(
      app,
      chain(newKey(), [pack], { indexes: ['customer', 'n', 'late'] }),
    );
    const ann = await WorkflowRun.start(app, workflow, { customer: 'ann: 1', n: 17, other: 'x' });
    const bob = await WorkflowRun.start(app, workflow, { customer: 'bob', n: 17, late: true });
    const of = (...variables: string[]) =>
      found(
        `workflow=${workflow}${variables.map((one) => `&variable=${encodeURIComponent(one)}`).join('')}`,
      );
    expect(await of('customer:ann: 1')).toEqual([ann.id]);
    expect(await of('n:17')).toEqual([bob.id, ann.id]);
    expect(await of('n:17', 'late:true')).toEqual([bob.id]);
    expect(await of('customer:nobody')).toEqual([]);
    await ann.tell({ type: 'set_variables', variables: { customer: 'cleo', n: null } });
    expect(await of('customer:ann: 1')).toEqual([]);
    expect([await of('customer:cleo'), await of('n:17')]).toEqual([[ann.id], [bob.id]]);
    await ann.complete('pack');
    expect(await of('customer:cleo')).toEqual([ann.id]);
  });

  it('pages like any list of instances', async () => {
    const workflow = await publish(app, chain(newKey(), [pack], { indexes: ['customer'] }));
    const body = Array.from({ length: 5 }, () => ({ workflow, variables: { customer: 'ann' } }));
    await app.http.post('/workflow-instances', body);
    const query = `workflow=${workflow}&status=running&variable=customer:ann&limit=3`;
    const first = await search(query);
    const second = await search(`${query}&cursor=${first.body.next_cursor ?? ''}`);
    expect([first.body.items.length, second.body.items.length, second.body.next_cursor]).toEqual([
      3,
      2,
      null,
    ]);
  });

  it('costs workflows nothing that declare no indexes', async () => {
    const workflow = await publish(app, chain(newKey(), [pack]));
    await WorkflowRun.start(app, workflow, { customer: 'ann' });
    expect(await rowsOf(workflow)).toEqual([]);
  });

  it('follows a migration to a version with other indexes', async () => {
    const workflow = await publish(app, chain(newKey(), [pack], { indexes: ['customer'] }));
    await publish(app, chain(workflow, [pack], { indexes: ['n'] }));
    const run = await WorkflowRun.start(app, `${workflow}@1`, { customer: 'ann', n: 1 });
    await app.http.post(`/workflow-instances/${run.id}/migrate`, { version: 2 });
    expect(await rowsOf(workflow)).toMatchObject([{ name: 'n', value: '1' }]);
  });

  it('is refused for what is not declared, and without a workflow', async () => {
    const workflow = await publish(app, chain(newKey(), [pack], { indexes: ['customer'] }));
    const fieldsOf = async (query: string) =>
      problemIn(await search(query)).errors?.map(({ field }) => field);
    expect(await fieldsOf(`workflow=${workflow}&variable=price:4`)).toEqual(['query.variable']);
    expect(await fieldsOf('variable=customer:ann')).toEqual(['query.workflow']);
    expect(await fieldsOf(`workflow=${workflow}&variable=customer`)).toEqual(['query.variable']);
  });
});

import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import type { JsonObject } from './definition/json.js';
import type { InstanceView } from './workflow-instances.dto.js';
import type { LinkView } from './workflow-links.dto.js';

let app: App;

describe('a link between workflows', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const human = (id: string): JsonObject => ({ id, type: 'task', kind: 'human' });
  const decided = (key: string) => ({
    key,
    nodes: [
      { id: 'start', type: 'start' },
      { id: 'check', type: 'task', kind: 'human', outcomes: ['confirmed', 'rejected'] },
      { id: 'good', type: 'end', outcome: 'confirmed' },
      { id: 'bad', type: 'end', outcome: 'rejected' },
    ],
    flows: [
      { from: 'start', to: 'check' },
      { from: 'check', on: 'confirmed', to: 'good' },
      { from: 'check', on: 'rejected', to: 'bad' },
    ],
  });
  const link = (body: object) => app.http.post<LinkView>('/workflow-links', body);
  const instances = async (key: string): Promise<InstanceView[]> => {
    const path = `/workflow-instances?workflow=${key}&limit=200`;
    return (await app.http.get<{ items: InstanceView[] }>(path)).body.items;
  };
  const linkOf = async (from: string) =>
    (await app.http.get<{ items: LinkView[] }>(`/workflow-links?from=${from}`)).body.items[0];
  const pair = async () => {
    const from = await publish(app, decided(newKey('from')));
    return { from, to: await publish(app, chain(newKey('to'), [human('deliver')])) };
  };

  it('starts the other one with mapped variables when an instance ends as it says', async () => {
    const { from, to } = await pair();
    const map = { who: '=customer', text: '{{ outcome }} in {{ instance.workflow }}' };
    const made = await link({ from: { workflow: from, end: 'confirmed' }, to, map });
    expect(made).toMatchObject({ status: 201, body: { from: { workflow: from }, to, map } });
    const [good, bad] = [
      await WorkflowRun.start(app, from, { customer: 'ann' }),
      await WorkflowRun.start(app, from, { customer: 'bob' }),
    ];
    await good.complete('check', { outcome: 'confirmed' });
    await bad.complete('check', { outcome: 'rejected' });
    expect(await instances(to)).toMatchObject([
      {
        variables: { who: 'ann', text: `confirmed in ${from}` },
        status: 'running',
        parent_id: null,
        start_key: `link/${made.body.id}/${good.id}`,
      },
    ]);
    await new WorkflowRun(app, (await instances(to))[0]?.id ?? '').expectHistoryToGiveState();
  });

  it('starts one for each of many that end at once, and each once when it is told twice', async () => {
    const from = await publish(
      app,
      chain(newKey('from'), [{ id: 'go', type: 'wait', signal: { name: 'go' } }]),
    );
    const to = await publish(app, chain(newKey('to'), [human('deliver')]));
    await link({ from: { workflow: from }, to });
    const body = Array.from({ length: 50 }, () => ({ workflow: from }));
    await app.http.post('/workflow-instances', body);
    await Promise.all([1, 2, 3].map(() => app.http.post('/signals', { name: 'go' })));
    expect(await instances(to)).toHaveLength(50);
  });

  it('counts for instances that run already, and no more when it is deleted', async () => {
    const { from, to } = await pair();
    const runs = [await WorkflowRun.start(app, from), await WorkflowRun.start(app, from)];
    const { body } = await link({ from: { workflow: from }, to });
    await runs[0]?.complete('check', { outcome: 'rejected' });
    expect(await instances(to)).toHaveLength(1);
    expect((await app.http.delete(`/workflow-links/${body.id}`)).status).toBe(204);
    await runs[1]?.complete('check', { outcome: 'rejected' });
    expect(await instances(to)).toHaveLength(1);
    expect((await app.http.delete(`/workflow-links/${body.id}`)).status).toBe(404);
    expect(await linkOf(from)).toBeUndefined();
    const { body: audit } = await app.http.get<{ items: object[] }>(`/workflows/${from}/audit`);
    expect(audit.items.slice(0, 2)).toMatchObject([
      { action: 'unlinked', details: { end: null, to } },
      { action: 'linked', details: { end: null, to } },
    ]);
  });

  it('in a chain without an end is stopped, and the link tells why', async () => {
    const key = await publish(app, chain(newKey('self'), [{ id: 'pass', type: 'gateway' }]));
    await link({ from: { workflow: key }, to: key });
    const run = await WorkflowRun.start(app, key);
    expect(await run.view()).toMatchObject({ status: 'completed' });
    const [row] = await app.sql(
      'select count(*)::int, max(depth)::int as depth from workflows.instance where key = $1',
      [key],
    );
    expect(row).toEqual({ count: 1_001, depth: 1_000 });
    expect(await linkOf(key)).toMatchObject({
      last_error: { message: expect.stringContaining('1000 times') as string },
    });
  }, 60_000);

  it('that cannot start anything tells why; what has ended has ended', async () => {
    const { from, to } = await pair();
    const inputs = {
      type: 'object',
      properties: { who: { type: 'string' } },
      required: ['who'],
    };
    await publish(app, chain(to, [human('deliver')], { inputs }));
    await link({ from: { workflow: from, end: 'confirmed' }, to });
    await link({ from: { workflow: from, end: 'rejected' }, to, map: { who: '=customer + 1' } });
    for (const outcome of ['confirmed', 'rejected']) {
      const run = await WorkflowRun.start(app, from, { customer: 'ann' });
      await run.complete('check', { outcome });
      expect(await run.view()).toMatchObject({ status: 'completed', outcome });
    }
    expect(await instances(to)).toEqual([]);
    const { body } = await app.http.get<{ items: LinkView[] }>(`/workflow-links?to=${to}`);
    expect(body.items.map(({ last_error: error }) => error?.message)).toEqual([
      expect.stringContaining('customer + 1'),
      expect.stringContaining('who'),
    ]);
  });

  it('is refused with the field that is wrong', async () => {
    const { from, to } = await pair();
    const good = { from: { workflow: from, end: 'confirmed' }, to };
    const refusals = [
      await link({ ...good, to: 'nothing' }),
      await link({ ...good, from: { workflow: 'nothing' } }),
      await link({ ...good, from: { workflow: from, end: 'lost' } }),
      await link({ ...good, map: { who: '=customer +' } }),
      await link({ ...good, map: { 'not a name': 1 } }),
      await app.http.post('/workflow-links', [good, { ...good, to: 'nothing' }]),
    ].map(problemIn);
    expect(refusals.map(({ status, errors }) => [status, errors?.[0]?.field])).toEqual([
      [422, 'to'],
      [422, 'from.workflow'],
      [422, 'from.end'],
      [422, 'map.who'],
      [422, 'map.not a name'],
      [422, '[1].to'],
    ]);
    expect(await linkOf(from)).toBeUndefined();
    expect((await link(good)).status).toBe(201);
    expect((await link(good)).status).toBe(409);
  });

  it('may be made and ended by messages', async () => {
    const { from, to } = await pair();
    await app.send('workflows', 'links/create', { from: { workflow: from }, to });
    await app.settle();
    const made = await linkOf(from);
    expect(made).toMatchObject({ to });
    await app.send('workflows', `links/${made?.id ?? ''}/delete`);
    await app.settle();
    expect(await linkOf(from)).toBeUndefined();
  });
});

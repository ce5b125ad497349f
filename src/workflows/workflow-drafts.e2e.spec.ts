import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { newKey } from '../../test/support/workflow-runs.js';
import type { DraftView, Publication } from './workflows.dto.js';

let app: App;

describe('a draft that is made step by step', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const START = { id: 'start', type: 'start' };
  const task = (id: string, more: object = {}) => ({ id, type: 'task', kind: 'human', ...more });
  const codesOf = ({ findings }: DraftView): string[] =>
    findings.map(({ code, node = '' }) => `${code} ${node}`);

  const created = async (more: object = {}): Promise<string> => {
    const key = newKey('draft');
    expect((await app.http.post('/workflows', { key, ...more })).status).toBe(201);
    return key;
  };
  const add = (key: string, what: 'nodes' | 'flows', body: object, query = '') =>
    app.http.post<DraftView>(`/workflows/${key}/draft/${what}${query}`, body);
  const send = (method: string, key: string, path: string, body?: object) =>
    app.http.send<DraftView>(method, `/workflows/${key}/draft/${path}`, body ? { body } : {});

  it('tells after every step what is still wrong, and can be published when nothing is', async () => {
    const key = await created();
    const steps = [
      await add(key, 'nodes', START),
      await add(key, 'nodes', task('check', { outcomes: ['confirmed', 'rejected'] })),
      await add(key, 'flows', { from: 'start', to: 'check' }),
      await add(key, 'nodes', { id: 'done', type: 'end' }),
      await add(key, 'flows', { from: 'check', on: 'confirmed', to: 'done' }),
      await send('PATCH', key, 'nodes/check', { final: ['rejected'] }),
    ];
    expect(steps.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 200]);
    expect(steps.map(({ body }) => codesOf(body))).toEqual([
      ['outcome-without-flow start'],
      ['outcome-without-flow start', 'outcome-without-flow check', 'outcome-without-flow check'],
      ['outcome-without-flow check', 'outcome-without-flow check'],
      ['outcome-without-flow check', 'outcome-without-flow check'],
      ['outcome-without-flow check'],
      [],
    ]);
    const published = await app.http.post<Publication>(`/workflows/${key}/draft/publish`);
    expect(published).toMatchObject({ status: 201, body: { key, version: 1 } });
  });

  const choice = task('a', { outcomes: ['yes', 'no'] });
  const flow = (from: string, to: string, more: object = {}) => ({ from, to, ...more });
  it.each<[code: string, nodes: object[], flows: object[]]>([
    ['schema', [START, task('a', { finale: true })], [flow('start', 'a')]],
    ['unknown-kind', [START, task('a', { kind: 'fax', final: true })], [flow('start', 'a')]],
    [
      'unknown-outcome',
      [START, task('a', { final: true })],
      [flow('start', 'a'), flow('a', 'a', { on: 'lost' })],
    ],
    ['outcome-without-flow', [START, task('a')], [flow('start', 'a')]],
    [
      'unreachable-node',
      [START, task('b', { final: true }), task('a')],
      [flow('start', 'b'), flow('a', 'a')],
    ],
    [
      'can-deadlock',
      [START, { ...choice, id: 'c' }, task('b'), task('a', { join: { mode: 'all' }, final: true })],
      [
        flow('start', 'c'),
        flow('c', 'a', { on: 'yes' }),
        flow('c', 'b', { on: 'no' }),
        flow('b', 'a'),
      ],
    ],
    [
      'broken-expression',
      [START, task('a', { config: { title: '{{ x + }}' }, final: true })],
      [flow('start', 'a')],
    ],
  ])('is kept, and not published, with the finding %s at its node', async (code, nodes, flows) => {
    const key = await created({ nodes, flows });
    const { body } = await app.http.get<DraftView>(`/workflows/${key}/draft`);
    expect(body.findings).toContainEqual(
      expect.objectContaining({ code, severity: 'error', node: 'a' }),
    );
    const refused = problemIn(await app.http.post(`/workflows/${key}/draft/publish`));
    expect(refused).toMatchObject({ status: 422, errors: [{ field: 'a' }] });
    expect(refused.errors?.[0]?.message).toContain(`${code}: `);
  });

  it('keeps its nodes and flows together when a node is renamed or removed', async () => {
    const nodes = [START, task('a', { cancels: ['b'], milestone: { at: 'b' } }), task('b')];
    const flows = [
      { from: 'start', to: 'a' },
      { from: 'a', to: 'b' },
    ];
    const key = await created({ nodes, flows });
    const renamed = await send('PATCH', key, 'nodes/b', { id: 'c', name: 'The last' });
    expect(renamed.body.draft).toMatchObject({
      nodes: [START, { cancels: ['c'], milestone: { at: 'c' } }, { id: 'c', name: 'The last' }],
      flows: [flows[0], { from: 'a', to: 'c' }],
    });
    const removed = await send('DELETE', key, 'nodes/a');
    expect(removed.status).toBe(200);
    expect(removed.body.draft).toMatchObject({ flows: [] });
  });

  it('is patched by merging', async () => {
    const key = await created({
      nodes: [START, task('a', { due: 'P1D', config: { title: 'A', data: 1 } })],
    });
    const { body } = await send('PATCH', key, 'nodes/a', { due: null, config: { title: 'B' } });
    expect(body.draft).toMatchObject({
      nodes: [START, task('a', { config: { title: 'B', data: 1 } })],
    });
    expect(JSON.stringify(body.draft)).not.toContain('due');
  });

  it('names its flows, so that they can be removed', async () => {
    const key = await created({
      nodes: [START, task('a')],
      flows: [{ from: 'a', on: 'done', to: 'a' }],
    });
    const { body } = await add(key, 'flows', { from: 'start', to: 'a' });
    expect(body.draft).toMatchObject({ flows: [{}, { id: 'start_a', from: 'start', to: 'a' }] });
    const twice = await add(key, 'flows', { from: 'start', to: 'a', when: 'x' });
    expect(twice.body.draft).toMatchObject({ flows: [{}, {}, { id: 'start_a_2' }] });
    const left = await send('DELETE', key, `flows/${encodeURIComponent('a[done] → a')}`);
    expect(left.body.draft).toMatchObject({ flows: [{ id: 'start_a' }, { id: 'start_a_2' }] });
    expect((await send('DELETE', key, 'flows/start_a')).body.draft).toMatchObject({
      flows: [{ id: 'start_a_2' }],
    });
  });

  it('is not changed over a revision that the author has not seen', async () => {
    const key = await created();
    expect((await add(key, 'nodes', START, '?revision=1')).body.revision).toBe(2);
    const late = await add(key, 'nodes', task('a'), '?revision=1');
    expect(problemIn(late)).toMatchObject({
      status: 409,
      type: '/problems/draft-changed-meanwhile',
    });
    const both = await Promise.all(
      ['a', 'b'].map((id) => add(key, 'nodes', task(id), '?revision=2')),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  it('refuses what cannot be done, and says which field is wrong', async () => {
    const key = await created({
      nodes: [START, task('a')],
      flows: [{ id: 'f', from: 'start', to: 'a' }],
    });
    const refusals = [
      await app.http.post('/workflows', { key }),
      await app.http.post('/workflows', [{ key: newKey() }, { key }]),
      await app.http.post('/workflows', { key: 'No Key' }),
      await add(key, 'nodes', task('a')),
      await add(key, 'nodes', { type: 'gateway' }),
      await send('PATCH', key, 'nodes/a', { id: 'start' }),
      await send('PATCH', key, 'nodes/b', {}),
      await send('DELETE', key, 'nodes/b'),
      await add(key, 'flows', { id: 'f', from: 'a', to: 'a' }),
      await add(key, 'flows', { from: 'a' }),
      await send('DELETE', key, 'flows/g'),
      await add('nothing', 'nodes', START),
    ].map(problemIn);
    expect(refusals.map(({ status, errors }) => [status, errors?.[0]?.field])).toEqual([
      [409, 'key'],
      [409, '[1].key'],
      [422, 'key'],
      [409, 'id'],
      [422, 'id'],
      [409, 'id'],
      [404, 'node_id'],
      [404, 'node_id'],
      [409, 'id'],
      [422, 'to'],
      [404, 'flow_id'],
      [404, 'workflow'],
    ]);
  });

  it('that is no list of nodes is saved only as a whole', async () => {
    const key = await created({ nodes: 'none yet' });
    expect(problemIn(await add(key, 'nodes', START))).toMatchObject({
      status: 409,
      errors: [{ field: 'nodes' }],
    });
  });

  it('may be made, set up and published by messages', async () => {
    const key = newKey('sent');
    const sent: [route: string, body: object][] = [
      ['drafts/create', { key, config: { limit: { default: 1 } } }],
      [`drafts/${key}/nodes/add`, START],
      [`drafts/${key}/nodes/add`, task('a')],
      [`drafts/${key}/nodes/a/change`, { final: true }],
      [`drafts/${key}/flows/add`, { id: 'f', from: 'start', to: 'a' }],
      [`drafts/${key}/flows/add`, { id: 'g', from: 'a', to: 'a' }],
      [`drafts/${key}/flows/g/remove`, {}],
      [`drafts/${key}/publish`, {}],
      [`config/${key}/change`, { limit: 2 }],
    ];
    for (const [route, body] of sent) {
      await app.send('workflows', route, body);
      await app.settle();
    }
    const { body } = await app.http.get<DraftView>(`/workflows/${key}/draft`);
    expect(body).toMatchObject({ latest_version: 1, findings: [] });
    expect((await app.http.get(`/workflows/${key}/config`)).body).toMatchObject({
      effective: { limit: 2 },
    });
  });
});

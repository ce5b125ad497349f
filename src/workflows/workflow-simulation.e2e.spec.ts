import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { chain, newKey } from '../../test/support/workflow-runs.js';
import type { JsonObject } from './definition/json.js';
import type { SimulationView } from './workflow-simulation.dto.js';

let app: App;

describe('the simulation of a draft', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const HOUR = 3_600_000;
  const saved = async (nodes: JsonObject[], more: JsonObject = {}): Promise<string> => {
    const key = newKey('play');
    await app.http.send('PUT', `/workflows/${key}/draft`, { body: chain(key, nodes, more) });
    return key;
  };
  const play = (key: string, body: object) =>
    app.http.post<SimulationView>(`/workflows/${key}/draft/simulate`, body);
  const human = (id: string): JsonObject => ({ id, type: 'task', kind: 'human' });

  it('tells the steps, the time they take, and what is waited for at the end', async () => {
    const key = await saved(
      [
        human('check'),
        { id: 'pause', type: 'wait', timer: '=config.patience' },
        { id: 'paid', type: 'wait', message: { name: 'paid', key: '=order' } },
        { id: 'pack', type: 'task', kind: 'task:noop' },
        human('send'),
      ],
      { config: { patience: { default: 'PT2H' } } },
    );
    const { status, body } = await play(key, {
      variables: { order: 'a' },
      endings: { check: { after_ms: HOUR, result: { by: 'ann' } }, pack: [{}] },
      arrivals: [
        { after_ms: 4 * HOUR, message: 'paid', key: 'a', data: 5 },
        { after_ms: 1, message: 'nobody-waits-for-it' },
      ],
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'running',
      variables: { order: 'a', check: { by: 'ann' }, paid: 5 },
      steps: [
        { node: 'start', outcome: 'done', after_ms: 0 },
        { node: 'check', outcome: 'done', after_ms: HOUR },
        { node: 'pause', outcome: 'done', after_ms: 3 * HOUR },
        { node: 'paid', outcome: 'done', after_ms: 4 * HOUR },
        { node: 'pack', outcome: 'done', after_ms: 4 * HOUR },
      ],
      waiting: [{ node: 'send', for: 'human' }],
      incidents: [],
      rejections: [{ code: 'nobody-waits', message: expect.any(String) as string }],
      took_ms: 4 * HOUR,
      stopped_by: null,
    });
    expect(await app.sql('select * from workflows.instance')).toEqual([]);
  });

  it('shows what is stuck', async () => {
    const key = await saved([
      human('check'),
      { id: 'sum', type: 'task', kind: 'set', config: { n: '=n + 1' } },
    ]);
    const failed = await play(key, {
      endings: { check: { error: { code: 'E', message: 'no luck' } } },
    });
    expect(failed.body.incidents).toEqual([{ node: 'check', message: 'no luck' }]);
    const broken = await play(key, { endings: { check: {} } });
    expect(broken.body.incidents).toMatchObject([{ node: 'sum' }]);
  });

  it('plays a start by its trigger', async () => {
    const key = newKey('play');
    const nodes = [
      { id: 'begin', type: 'start', message: { name: 'order' }, output: { n: '=result.n' } },
      { id: 'work', type: 'task', kind: 'human', final: true },
    ];
    const body = { key, nodes, flows: [{ from: 'begin', to: 'work' }] };
    await app.http.send('PUT', `/workflows/${key}/draft`, { body });
    expect((await play(key, {})).body).toMatchObject({
      status: 'new',
      rejections: [{ code: 'no-start' }],
    });
    expect((await play(key, { node: 'begin', data: { n: 7 } })).body).toMatchObject({
      status: 'running',
      variables: { n: 7 },
    });
  });

  it('stops when its time on the clock, its decisions, or a tenth of a second of work are over', async () => {
    const loop = {
      nodes: [
        { id: 'start', type: 'start' },
        { id: 'wait', type: 'wait', timer: 'PT1S' },
        { id: 'turn', type: 'task', kind: 'set', config: { list: '=range' } },
        { id: 'out', type: 'end' },
      ],
      flows: [
        { from: 'start', to: 'wait' },
        { from: 'wait', to: 'turn' },
        { from: 'turn', when: '!stop', to: 'wait' },
        { from: 'turn', otherwise: true, to: 'out' },
      ],
    };
    const key = newKey('play');
    await app.http.send('PUT', `/workflows/${key}/draft`, { body: { key, ...loop } });
    const stopped = async (body: object) =>
      (await play(key, { variables: { stop: false }, ...body })).body.stopped_by;
    expect(await stopped({ until_ms: 10_000 })).toBe('until_ms');
    expect(await stopped({ most_decisions: 3 })).toBe('most_decisions');
    const many = Array.from({ length: 300 }, (_, index) => index);
    const condition = 'range.all(a, range.all(b, a + b >= 0)) && !stop';
    const body = {
      key,
      ...loop,
      flows: loop.flows.map((flow) => (flow.when ? { ...flow, when: condition } : flow)),
    };
    await app.http.send('PUT', `/workflows/${key}/draft`, { body });
    expect(await stopped({ variables: { stop: false, range: many } })).toBe('time');
  });

  it('is refused for a draft with errors, and for a script with mistakes', async () => {
    const key = await saved([{ id: 'wait', type: 'wait' }]);
    expect(problemIn(await play(key, {}))).toMatchObject({
      status: 422,
      errors: [{ field: 'wait' }],
    });
    const fine = await saved([human('a')]);
    const fields = async (body: object) =>
      problemIn(await play(fine, body)).errors?.map(({ field }) => field);
    expect(await fields({ endings: { a: { after_ms: -1 } } })).toEqual(['endings.a.after_ms']);
    expect(await fields({ arrivals: [{ after_ms: 1 }] })).toEqual(['arrivals[0]']);
    expect((await play('nothing', {})).status).toBe(404);
  });
});

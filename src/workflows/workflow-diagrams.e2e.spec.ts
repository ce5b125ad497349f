import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import type { JsonObject } from './definition/json.js';

let app: App;

describe('the picture of a workflow, over REST', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const human = (id: string): JsonObject => ({ id, type: 'task', kind: 'human' });
  const text = (path: string) => app.http.get<string>(`/workflows/${path}`);

  it('is an SVG with the counts of its running instances, and a page around it', async () => {
    const key = await publish(app, chain(newKey('seen'), [human('check'), human('pack')]));
    const runs = [await WorkflowRun.start(app, key), await WorkflowRun.start(app, key)];
    await runs[0]?.complete('check');
    await runs[0]?.complete('pack');
    const plain = await text(`${key}/versions/1/diagram.svg`);
    expect(plain.headers.get('content-type')).toBe('image/svg+xml; charset=utf-8');
    expect(plain.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(plain.body).not.toContain('class="number"');
    const hot = await text(`${key}/versions/1/diagram.svg?heat=1`);
    expect(hot.body.match(/class="number"[^>]*>\d+</g)?.map((found) => found.slice(-2))).toEqual([
      '1<',
    ]);
    const page = await text(`${key}/page`);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.body).toContain('<tr><th>check</th><td>1</td><td>0</td></tr>');
  });

  it('is Mermaid text, too, and there is one of a draft', async () => {
    const key = await publish(app, chain(newKey('seen'), [human('check')]));
    await app.http.send('PUT', `/workflows/${key}/draft`, { body: chain(key, [human('other')]) });
    expect((await text(`${key}/versions/1/diagram.mmd`)).body).toContain('n1["check"]');
    expect((await text(`${key}/draft/diagram.mmd`)).body).toContain('n1["other"]');
    expect((await text(`${key}/draft/diagram.svg`)).body).toContain('>other</text>');
  });

  it('is not there for scopes of the same name in each other, of which there would be no end', async () => {
    const key = newKey('seen');
    const scope = (level: number): JsonObject => ({
      id: `s${String(level)}`,
      type: 'scope',
      ...(level > 0 && { in: `s${String(level - 1)}` }),
    });
    const nodes = Array.from({ length: 20 }, (_, index) => scope(index >> 1));
    await app.http.send('PUT', `/workflows/${key}/draft`, { body: { nodes, flows: [] } });
    for (const picture of ['diagram.svg', 'diagram.mmd'])
      expect((await app.http.get(`/workflows/${key}/draft/${picture}`)).status).toBe(422);
  });

  it('is not there for what cannot be drawn', async () => {
    const key = newKey('seen');
    await app.http.send('PUT', `/workflows/${key}/draft`, { body: { nodes: 'none' } });
    const broken = problemIn(await app.http.get(`/workflows/${key}/draft/diagram.svg`));
    expect(broken).toMatchObject({ status: 422, type: '/problems/draft-not-drawable' });
    const nodes = Array.from({ length: 301 }, (_, index) => human(`n${String(index)}`));
    await app.http.send('PUT', `/workflows/${key}/draft`, { body: chain(key, nodes) });
    expect((await app.http.get(`/workflows/${key}/draft/diagram.svg`)).status).toBe(422);
    expect((await app.http.get(`/workflows/${key}/page`)).status).toBe(404);
    expect((await app.http.get(`/workflows/${key}/versions/1/diagram.svg`)).status).toBe(404);
    expect((await app.http.get(`/workflows/${key}/versions/1/diagram.svg?heat=2`)).status).toBe(
      400,
    );
  });
});

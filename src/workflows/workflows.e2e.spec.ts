import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { chain, newKey, publish } from '../../test/support/workflow-runs.js';
import type { ConfigView, DraftView, ModuleView } from './workflows.dto.js';

let app: App;
describe('workflows over REST', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const put = (key: string, body: object, query = '') =>
    app.http.send<DraftView>('PUT', `/workflows/${key}/draft${query}`, { body });
  const pack = { id: 'pack', type: 'task', kind: 'human' };

  it('let modules work for nodes alone, because a module may change the workflow that it works for', async () => {
    const key = newKey();
    await publish(app, { ...chain(key, [pack]), config: { mail_to: {} } });
    const kind = 'workflow.module';
    const payload = {
      module: 'configure',
      config: { mail_to: 'mallory@example.com' },
      instance_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
      workflow: key,
      node: 'pack',
      idempotency_key: 'forged',
    };
    const refused = await app.http.post('/tasks', { kind, payload });
    expect(problemIn(refused).type).toContain('unknown-task-kind');
    const other = newKey();
    const forged = { id: 'forged', type: 'task', kind: `task:${kind}`, config: payload };
    const { body } = await put(other, chain(other, [forged]));
    expect(body.findings).toMatchObject([{ severity: 'error', node: 'forged' }]);
  });

  describe('a draft', () => {
    it('is saved with its errors, each naming its node, and cannot be published', async () => {
      const key = newKey();
      const broken = { ...pack, kind: 'teleport' };
      const saved = await put(key, chain(key, [broken, pack]));
      expect(saved.status).toBe(200);
      expect(saved.body).toMatchObject({ key, revision: 1, latest_version: null });
      expect(saved.body.findings.filter(({ node }) => node === 'pack')).not.toEqual([]);
      const refused = await app.http.post(`/workflows/${key}/draft/publish`);
      expect(refused.status).toBe(422);
      expect(problemIn(refused).errors?.map(({ field }) => field)).toContain('pack');
      const { body } = await app.http.post<DraftView>(`/workflows/${key}/draft/validate`);
      expect(body.findings).toEqual(saved.body.findings);
    });

    it('may be anything that is JSON', async () => {
      const key = newKey();
      const { body } = await put(key, { nodes: 'none yet' });
      expect(body.findings[0]).toMatchObject({ code: 'schema', severity: 'error' });
      expect((await app.http.get<DraftView>(`/workflows/${key}/draft`)).body).toMatchObject({
        draft: { key, nodes: 'none yet' },
      });
    });

    it('names no other workflow than its address', async () => {
      expect(problemIn(await put(newKey(), { key: 'another' })).type).toContain(
        'draft-key-differs',
      );
    });

    it('is not saved over a revision that its author has not seen', async () => {
      const key = newKey();
      expect((await put(key, chain(key, [pack]), '?revision=0')).status).toBe(200);
      expect((await put(key, chain(key, [pack]), '?revision=1')).status).toBe(200);
      const late = await put(key, chain(key, []), '?revision=1');
      expect(late.status).toBe(409);
      expect((await app.http.get<DraftView>(`/workflows/${key}/draft`)).body.revision).toBe(2);
    });

    it('that is not there is not found', async () => {
      expect((await app.http.get('/workflows/nothing/draft')).status).toBe(404);
      expect((await app.http.post('/workflows/nothing/draft/publish')).status).toBe(404);
      expect((await app.http.get('/workflows/nothing/versions')).status).toBe(404);
      expect((await app.http.get('/workflows/nothing/config')).status).toBe(404);
    });
  });

  describe('a version', () => {
    it('stays as it was published', async () => {
      const key = await publish(app, chain(newKey(), [pack]));
      await publish(app, chain(key, [{ ...pack, name: 'Pack it' }]));
      const { body } = await app.http.get<{ items: object[] }>(`/workflows/${key}/versions`);
      expect(body.items).toMatchObject([{ version: 2 }, { version: 1 }]);
      const first = await app.http.get(`/workflows/${key}/versions/1`);
      expect(first.body).toMatchObject({ version: 1, definition: chain(key, [pack]) });
      expect((await app.http.get(`/workflows/${key}/versions/3`)).status).toBe(404);
    });
  });

  describe('config', () => {
    const config = {
      mail_to: { schema: { type: 'string' }, default: 'a@example.com' },
      limit: { schema: { type: 'number', minimum: 1 } },
    };

    it('has the defaults of the version, and what was set', async () => {
      const key = await publish(app, chain(newKey(), [pack], { config }));
      const change = (body: object) =>
        app.http.send<ConfigView>('PATCH', `/workflows/${key}/config`, { body });
      expect((await change({ limit: 5 })).body).toEqual({
        revision: 1,
        values: { limit: 5 },
        effective: { mail_to: 'a@example.com', limit: 5 },
      });
      await change({ mail_to: 'b@example.com', limit: null });
      expect((await app.http.get(`/workflows/${key}/config`)).body).toEqual({
        revision: 2,
        values: { mail_to: 'b@example.com' },
        effective: { mail_to: 'b@example.com' },
      });
    });

    it('takes only what is declared, of the shape that is declared', async () => {
      const key = await publish(app, chain(newKey(), [pack], { config }));
      const body = { limit: 0, mail_to: 5, other: 1 };
      const refused = await app.http.send('PATCH', `/workflows/${key}/config`, { body });
      expect(refused.status).toBe(422);
      const fields = problemIn(refused).errors?.map(({ field }) => field);
      expect(fields).toEqual(['limit', 'mail_to', 'other']);
    });
  });

  describe('what can be written', () => {
    it('is a JSON Schema, and a list of modules with theirs', async () => {
      const schema = await app.http.get('/workflow-schema');
      expect(schema.body).toMatchObject({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        $defs: { WorkflowNode: { oneOf: expect.any(Array) as unknown } },
      });
      const { body } = await app.http.get<{ items: ModuleView[] }>('/workflow-modules');
      expect(body.items.map(({ name }) => name)).toEqual([
        'set',
        'decision',
        'human',
        'task:<kind>',
        'provider',
        'configure',
        'http',
        'mail',
      ]);
      expect(body.items[2]?.config_schema).toMatchObject({ type: 'object' });
    });
  });
});

import { type App, bootApp } from '../../test/support/app.js';
import { problemIn } from '../../test/support/http-client.js';
import { chain, newKey, publish, WorkflowRun } from '../../test/support/workflow-runs.js';
import type { BatchFailureView, BatchView } from './workflow-batches.dto.js';
import type { MigrationView } from './workflow-migrations.dto.js';

let app: App;
describe('migrations', () => {
  beforeAll(async () => {
    app = await bootApp({ shared: true });
  });
  afterAll(() => app.stop());

  const pack = { id: 'pack', type: 'task', kind: 'human', outcomes: ['done', 'broken'] };
  const weigh = { id: 'weigh', type: 'task', kind: 'human' };
  const wrap = { ...pack, id: 'wrap', outcomes: ['done', 'lost'] };
  const send = { id: 'send', type: 'task', kind: 'human' };

  /** Version 1 packs and weighs, version 2 wraps and sends. */
  async function twoVersions(): Promise<string> {
    const key = await publish(app, chain(newKey(), [pack, weigh]));
    return publish(app, chain(key, [wrap, send]));
  }
  const start = async (key: string) => WorkflowRun.start(app, `${key}@1`);
  const migrate = ({ id }: WorkflowRun, body: object) =>
    app.http.post<MigrationView>(`/workflow-instances/${id}/migrate`, body);
  const nodes = { pack: 'wrap' };

  describe('of one instance', () => {
    it('keeps what it waits for, under the new names', async () => {
      const run = await start(await twoVersions());
      const { id } = await run.userTask('pack');
      expect(await migrate(run, { version: 2, nodes })).toMatchObject({
        status: 200,
        body: { from_version: 1, to_version: 2, migrated: true, problems: [] },
      });
      expect(await run.view()).toMatchObject({ version: 2 });
      expect(await run.userTask('wrap')).toMatchObject({ id, version: 2, outcomes: wrap.outcomes });
      await run.complete('wrap');
      expect(await run.waiting()).toEqual(['send']);
      await run.expectHistoryToGiveState();
    });

    it('that is a dry run tells what would go wrong, and changes nothing', async () => {
      const run = await start(await twoVersions());
      const before = await run.state();
      const { body } = await migrate(run, { version: 2, dry_run: true });
      expect(body).toMatchObject({ migrated: false, problems: [{ node: 'pack' }] });
      const good = await migrate(run, { version: 2, nodes, dry_run: true });
      expect(good.body).toMatchObject({ migrated: false, problems: [] });
      expect([await run.state(), (await run.view()).version]).toEqual([before, 1]);
    });

    it('that cannot be done is refused, and says at which node', async () => {
      const run = await start(await twoVersions());
      const refused = await migrate(run, { version: 2 });
      expect(refused.status).toBe(409);
      expect(problemIn(refused).errors).toMatchObject([{ field: 'nodes.pack' }]);
      expect(await run.view()).toMatchObject({ version: 1 });
    });

    it('goes to a version that there is, to nodes that it has, and not to where it is', async () => {
      const run = await start(await twoVersions());
      const fieldsOf = async (body: object) =>
        problemIn(await migrate(run, body)).errors?.map(({ field }) => field);
      expect(await fieldsOf({ version: 3 })).toEqual(['version']);
      expect(await fieldsOf({ version: 2, nodes: { pack: 'nowhere' } })).toEqual(['nodes.pack']);
      expect(await fieldsOf({ version: 1 })).toEqual(['version']);
    });

    it('takes its incidents along, which can be tried again there', async () => {
      const sum = { id: 'sum', type: 'task', kind: 'set', config: { n: '=n + "a"' } };
      const key = await publish(app, chain(newKey(), [sum]));
      await publish(app, chain(key, [{ ...sum, id: 'total', config: { n: '=n + 1' } }]));
      const run = await start(key);
      await run.tell({ type: 'set_variables', variables: { n: 1 } });
      await run.tell({ type: 'retry' });
      await migrate(run, { version: 2, nodes: { sum: 'total' } });
      const { body } = await app.http.get(`/incidents?workflow=${key}`);
      expect(body).toMatchObject({ items: [{ instance_id: run.id, version: 2, node: 'total' }] });
      await app.http.post(`/workflow-instances/${run.id}/retry`, {});
      expect(await run.view()).toMatchObject({ status: 'completed', variables: { n: 2 } });
      await run.expectHistoryToGiveState();
    });

    it('comes by message, too', async () => {
      const run = await start(await twoVersions());
      await app.send('workflows', `instances/${run.id}/migrate`, { version: 2, nodes });
      await app.settle();
      expect(await run.waiting()).toEqual(['wrap']);
    });
  });

  describe('of all instances', () => {
    const migrateAll = async (key: string, body: object) => {
      const created = await app.http.post<BatchView>(`/workflows/${key}/migrate`, body);
      expect(created.status).toBe(202);
      await app.settle();
      return (await app.http.get<BatchView>(`/workflow-batches/${created.body.id}`)).body;
    };
    const versionsOf = (key: string) =>
      app.sql(
        `select version, count(*)::int from workflows.instance where key = $1 and status = 'running' group by 1 order by 1`,
        [key],
      );

    it('tells per instance what goes wrong, and takes the others', async () => {
      const key = await twoVersions();
      const body = Array.from({ length: 260 }, () => ({ workflow: `${key}@1` }));
      await app.http.post('/workflow-instances', body);
      const odd = await start(key);
      await odd.complete('pack');
      const dry = await migrateAll(key, { version: 2, nodes: {}, dry_run: true });
      expect(dry).toMatchObject({ status: 'completed', total: 261, done: 261, failed: 261 });
      expect(await versionsOf(key)).toEqual([{ version: 1, count: 261 }]);
      const failures = await app.http.get<{ items: BatchFailureView[] }>(
        `/workflow-batches/${dry.id}/failures?limit=1`,
      );
      expect(failures.body.items[0]?.problems).toMatchObject([
        { node: 'pack', code: 'cannot-migrate' },
      ]);
      const batch = await migrateAll(key, { version: 2, nodes });
      expect(batch).toMatchObject({ status: 'completed', done: 261, failed: 1 });
      expect(await versionsOf(key)).toEqual([
        { version: 1, count: 1 },
        { version: 2, count: 260 },
      ]);
      const left = await app.http.get(`/workflow-batches/${batch.id}/failures`);
      expect(left.body).toMatchObject({
        items: [{ instance_id: odd.id, problems: [{ node: 'weigh' }] }],
      });
    });

    it('may be of one version, and is told in the audit', async () => {
      const key = await twoVersions();
      await start(key);
      expect(await migrateAll(key, { version: 2, from_version: 3, nodes })).toMatchObject({
        total: 0,
      });
      const { body } = await app.http.get(`/workflows/${key}/audit?limit=1`);
      expect(body).toMatchObject({
        items: [{ action: 'migrated', details: { version: 2, from_version: 3 } }],
      });
    });

    it('of a workflow, or to a version, that is not there is refused', async () => {
      const key = await twoVersions();
      expect((await app.http.post('/workflows/nothing/migrate', { version: 1 })).status).toBe(404);
      const refused = await app.http.post(`/workflows/${key}/migrate`, { version: 9 });
      expect(problemIn(refused).errors).toMatchObject([{ field: 'version' }]);
    });
  });
});

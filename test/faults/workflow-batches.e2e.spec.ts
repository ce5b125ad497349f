import { type App, bootApp } from '../support/app.js';
import { spawnApp, type SpawnOptions } from '../support/spawned-app.js';
import { until } from '../support/until.js';
import { chain, newKey, publish } from '../support/workflow-runs.js';
import type { BatchView } from '../../src/workflows/workflow-batches.dto.js';

const INSTANCES = 1_000;
/** Before the commit of a part, behind it and before the message is acknowledged, and anywhere between. */
const CRASHES = [
  'outbox.before-commit:2',
  'consumer.after-handler:2',
  'consumer.after-commit:2',
  'outbox.after-commit:1',
];

describe('a batch whose worker is killed', () => {
  let app: App;
  beforeEach(async () => {
    // Serves HTTP only: the batch is worked on by the processes that are killed.
    app = await bootApp({ env: { ROLES: 'api' }, broker: 'rabbitmq' });
  });

  const progress = async (id: string) =>
    (await app.http.get<BatchView>(`/workflow-batches/${id}`)).body;

  it('goes on where it was, and tries each instance once', async () => {
    const sum = { id: 'sum', type: 'task', kind: 'set', config: { n: '=n + 1' } };
    const workflow = await publish(app, chain(newKey(), [sum]));
    const body = Array.from({ length: INSTANCES }, () => ({ workflow, variables: { n: 'x' } }));
    await app.http.post('/workflow-instances', body);
    const created = await app.http.post<BatchView>('/incidents/resolve', {
      filter: { workflow },
      variables: { n: 1 },
    });
    const { id } = created.body;
    const { databaseUrl, amqpUrl = '' } = app;
    const process: SpawnOptions = { databaseUrl, amqpUrl, roles: ['worker', 'relay'] };
    for (const point of CRASHES) {
      const victim = await spawnApp({ ...process, env: { CRASH_AT: point }, mayCrash: true });
      await victim.crashed({ withinMs: 30_000 });
    }
    expect((await progress(id)).status).toBe('running');
    const survivor = await spawnApp(process);
    const isOver = async () => (await progress(id)).status === 'completed';
    await until(isOver, { withinMs: 60_000, what: 'the batch completed' });
    await survivor.stop();
    expect(await progress(id)).toMatchObject({ total: INSTANCES, done: INSTANCES, failed: 0 });
    const times = await app.sql(
      `select times, count(*)::int as instances from (
         select instance_id, count(*)::int as times from workflows.history
         where command->>'type' = 'retry' group by 1) as tried group by 1`,
    );
    expect(times).toEqual([{ times: 1, instances: INSTANCES }]);
    const { body: left } = await app.http.get(`/incidents?workflow=${workflow}`);
    expect(left).toMatchObject({ items: [] });
  }, 180_000);
});

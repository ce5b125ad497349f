import { randomUUID } from 'node:crypto';
import { bootApp } from '../../../test/support/app.js';
import { spawnApp } from '../../../test/support/spawned-app.js';
import { until } from '../../../test/support/until.js';

const CHANGED = 'line-provider.event-changed.v1';
/** So that the only commits with messages are the first heartbeat, the creation and the closing. */
const ONE_BEAT = { MODULES: 'line-provider', LINE_HEARTBEAT_MS: '3600000' };

it('publishes the closing of an event whose process died right after its commit, once', async () => {
  const ground = await bootApp({ env: { MODULES: 'line-provider', ROLES: 'api' } });
  const letters = await ground.watch(CHANGED);
  const doomed = await spawnApp({
    databaseUrl: ground.databaseUrl,
    env: { ...ONE_BEAT, CRASH_AT: 'outbox.after-commit:3' },
  });
  const event_id = `e-${randomUUID()}`;
  const [soon] = await ground.sql<{ at: Date }>(
    `select clock_timestamp() + interval '2 seconds' as at`,
  );
  const deadline = soon!.at.toISOString();
  const { status } = await doomed.http.post('/event', { event_id, ratio: 1.85, deadline });
  expect(status).toBe(201);
  await doomed.crashed();
  const { body } = await ground.http.get(`/event/${event_id}`);
  expect(body).toMatchObject({ status: 'closed', version: 2, deadline });
  const closed = () =>
    letters.all.filter(({ body: data }) => (data as { status: string }).status === 'closed');
  expect(closed()).toEqual([]);

  const next = await spawnApp({ databaseUrl: ground.databaseUrl, env: ONE_BEAT });
  await until(() => closed().length > 0, { withinMs: 30_000 });
  expect(closed().map(({ body: data }) => data)).toEqual([body]);
  await next.stop();
}, 90_000);

it('runs alone as a process, and together with all the others', async () => {
  const ground = await bootApp({ env: { ROLES: 'api' } });
  const alone = await spawnApp({
    databaseUrl: ground.databaseUrl,
    env: { MODULES: 'line-provider' },
  });
  const event = { event_id: 'e-17', ratio: 1.85, deadline: 4_082_724_000, status: 'NEW' };
  expect((await alone.http.post('/event', event)).status).toBe(201);
  expect((await alone.http.get('/tasks')).status).toBe(404);
  expect((await ground.http.get('/event/e-17')).body).toMatchObject({ ratio: '1.850' });
  expect((await ground.http.get('/tasks')).status).toBe(200);
  await alone.stop();
}, 60_000);

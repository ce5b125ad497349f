import { testDatabase, type Lease } from '../support/services.js';
import { spawnApp } from '../support/spawned-app.js';
import type { Tokens } from '../support/users.js';
import { until } from '../support/until.js';

const PASSWORD = 'canary-password-7f3a';
const ENVIRONMENT = {
  AUTH_MODE: 'required',
  AUTH_KEYS: 'test:canary-key-of-thirty-two-bytes-at-least',
  AUTH_ARGON2_MEMORY_KIB: '8',
  AUTH_ARGON2_PASSES: '1',
  LOG_LEVEL: 'trace',
};

let database: Lease;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.release());

it('keeps passwords, tokens and keys out of logs and metrics (checks 6 and 29)', async () => {
  const app = await spawnApp({ databaseUrl: database.url, env: ENVIRONMENT });
  const user = { email: 'ada@example.com', password: PASSWORD };
  await app.http.post('/auth/register', { ...user, name: 'Ada' });
  await app.http.post('/auth/login', { ...user, password: `${PASSWORD}-wrong` });
  await app.http.post('/auth/login', { ...user, unknown: PASSWORD });
  const { body } = await app.http.post<Tokens>('/auth/login', { ...user, token_delivery: 'body' });
  const bearer = { authorization: `Bearer ${body.access_token}` };
  await app.http.get('/task-schedules', bearer);
  await app.http.post('/tasks', { payload: 'x', kind: 'noop' }, bearer);
  await app.http.get('/auth/me', { authorization: `Bearer ${body.access_token}x` });
  const refreshed = await app.http.post<Tokens>('/auth/refresh', {
    refresh_token: body.refresh_token,
  });
  await app.http.post('/auth/refresh', { refresh_token: `${body.refresh_token}x` });
  await until(() => app.log.some((line) => line.includes('Logged in')));
  const { body: metrics } = await app.http.get<string>('/metrics');
  const told = [...app.log, metrics].join('\n');
  expect(metrics).toContain('identity_logins_total{outcome="wrong-credentials"} 1');
  const secrets = [PASSWORD, 'canary-key', body.refresh_token, refreshed.body.refresh_token];
  for (const token of [body.access_token, refreshed.body.access_token]) {
    secrets.push(token, token.split('.')[2] ?? token);
  }
  for (const secret of secrets) expect(told).not.toContain(secret);
  await app.stop();
});

it('says what keeps it from starting where callers must authenticate, and no secret', async () => {
  const app = await spawnApp({
    databaseUrl: database.url,
    env: { ...ENVIRONMENT, AUTH_KEYS: 'test:canary-key' },
    mayCrash: true,
  });
  const line = await until(() => app.log.find((text) => text.includes('AUTH_KEYS')));
  expect(line).toContain('less than 32 bytes: "test"');
  expect(app.tail()).not.toContain('canary-key');
  await until(() => !app.isRunning);
  await app.kill();
});

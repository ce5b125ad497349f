import type { InjectOptions } from 'fastify';
import { type App, bootApp } from '../support/app.js';
import { problemIn } from '../support/http-client.js';
import { logIn, signUp, type Tokens } from '../support/users.js';

const REQUIRED = { AUTH_MODE: 'required' };
const JSON_TYPE = { 'content-type': 'application/json' };

let app: App;

beforeAll(async () => {
  app = await bootApp({ env: REQUIRED, shared: true });
});
beforeEach(() => app.sql('delete from identity.throttle'));
afterAll(() => app.stop());

/** Without a socket, so that the host may be any. */
async function ask(options: InjectOptions, host = 'localhost:8000') {
  const answer = await app.nest.inject({
    ...options,
    headers: { host, 'sec-fetch-site': 'same-origin', ...options.headers },
  });
  const cookies = [answer.headers['set-cookie'] ?? []].flat();
  return { status: answer.statusCode, headers: answer.headers, body: answer.body, cookies };
}

function logInByCookie(email: string, password: string, host?: string) {
  const url = '/auth/login';
  return ask({ method: 'POST', url, headers: JSON_TYPE, payload: { email, password } }, host);
}

const pairs = (cookies: readonly string[]) =>
  cookies.map((cookie) => cookie.split(';', 1)[0]).join('; ');

const me = (token: string) => app.http.get('/auth/me', { authorization: `Bearer ${token}` });

describe('a registration', () => {
  const ADA = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' };

  it('makes a user without rights, and answers declared fields only (check 2)', async () => {
    const { status, body } = await app.http.post('/auth/register', ADA);
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(String),
      email: 'ada@example.com',
      name: 'Ada',
      roles: [],
      rights: [],
      disabled_at: null,
      created_at: expect.any(String),
    });
  });

  it('is refused for an email that is taken, in whatever letters', async () => {
    const answer = await app.http.post('/auth/register', { ...ADA, email: 'ADA@Example.com' });
    expect(problemIn(answer)).toMatchObject({ status: 409, type: '/problems/email-taken' });
  });

  it.each([
    { roles: ['admin'] },
    { rights: ['admin'] },
    { id: '019aa3a4-5b6c-7d8e-9f00-112233445566' },
    { disabled_at: null },
    { user_id: 'x', status: 'x', balance: 1 },
  ])('is refused with the field %j (check 2)', async (more) => {
    const body = { ...ADA, email: 'eve@example.com', ...more };
    expect((await app.http.post('/auth/register', body)).status).toBe(422);
  });

  it('is refused with __proto__ (check 2)', async () => {
    const text = JSON.stringify({ ...ADA, email: 'eve@example.com' });
    const body = text.replace('{', '{"__proto__":{"roles":["admin"]},');
    expect((await app.http.post('/auth/register', body)).status).toBe(400);
    const found = await app.sql("select 1 from identity.account where email = 'eve@example.com'");
    expect(found).toEqual([]);
  });

  it('is refused with a password that is short or endless', async () => {
    for (const password of ['123456789', 'x'.repeat(1_025)]) {
      const { status } = await app.http.post('/auth/register', { ...ADA, password });
      expect(status).toBe(422);
    }
  });
});

describe('cookies (check 6)', () => {
  it('are __Host-, Secure, HttpOnly and SameSite, for the whole site and no domain', async () => {
    const { email, password } = await signUp(app);
    const { status, cookies, body } = await logInByCookie(email, password, 'millrace.example');
    expect(status).toBe(200);
    expect(cookies.map((cookie) => cookie.split('=', 1)[0])).toEqual([
      '__Host-session',
      '__Host-refresh',
    ]);
    for (const cookie of cookies) {
      expect(cookie).toMatch(/; Path=\//);
      expect(cookie).toMatch(/; HttpOnly/);
      expect(cookie).toMatch(/; Secure/);
      expect(cookie).toMatch(/; SameSite=Lax/);
      expect(cookie).not.toMatch(/Domain/i);
    }
    expect(body).not.toContain('token');
  });

  it('do without prefix and Secure over plain HTTP on this machine', async () => {
    const { email, password } = await signUp(app);
    const { cookies } = await logInByCookie(email, password);
    expect(cookies.map((cookie) => cookie.split('=', 1)[0])).toEqual(['session', 'refresh']);
    expect(cookies.join()).not.toContain('Secure');
    const { status } = await ask({ url: '/auth/me', headers: { cookie: pairs(cookies) } });
    expect(status).toBe(200);
  });

  it('are refreshed, and deleted by a logout', async () => {
    const { email, password } = await signUp(app);
    const first = await logInByCookie(email, password);
    const refreshed = await ask({
      method: 'POST',
      url: '/auth/refresh',
      headers: { cookie: pairs(first.cookies) },
    });
    expect(refreshed.status).toBe(200);
    const headers = { cookie: pairs(refreshed.cookies) };
    const ended = await ask({ method: 'POST', url: '/auth/logout', headers });
    expect(ended.status).toBe(204);
    expect(ended.cookies).toEqual([
      expect.stringContaining('session=; Max-Age=0'),
      expect.stringContaining('refresh=; Max-Age=0'),
    ]);
  });

  it('are the only place for a token beside the header: no URL carries one', async () => {
    const { accessToken } = await signUp(app);
    const answer = await app.http.get(`/auth/me?access_token=${accessToken}`);
    expect(answer.status).toBe(401);
  });
});

describe('a write by cookie that another site has caused (check 7)', () => {
  it.each<[string, Record<string, string>, number]>([
    ['Sec-Fetch-Site cross-site', { 'sec-fetch-site': 'cross-site', ...JSON_TYPE }, 403],
    ['Sec-Fetch-Site same-site', { 'sec-fetch-site': 'same-site', ...JSON_TYPE }, 403],
    [
      'a foreign Origin',
      { 'sec-fetch-site': '', origin: 'https://evil.example', ...JSON_TYPE },
      403,
    ],
    ['the Origin null', { 'sec-fetch-site': '', origin: 'null', ...JSON_TYPE }, 403],
    ['no Origin', { 'sec-fetch-site': '', ...JSON_TYPE }, 403],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['a text', { 'content-type': 'text/plain' }, 415],
  ])('by %s is refused and changes nothing', async (_, headers, status) => {
    const { email, password, id } = await signUp(app);
    const { cookies } = await logInByCookie(email, password);
    const given = Object.entries(headers).filter(([, value]) => value !== '');
    const answer = await app.nest.inject({
      method: 'POST',
      url: '/tasks',
      headers: { host: 'localhost:8000', cookie: pairs(cookies), ...Object.fromEntries(given) },
      payload: '{"payload":"x","run_at":"2999-01-01T00:00:00Z"}',
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(await app.sql('select 1 from tasks.task where owner_id = $1', [id])).toEqual([]);
  });
});

describe('another origin (check 8)', () => {
  const preflight = { origin: 'https://app.example.com', 'access-control-request-method': 'POST' };

  it('is allowed nothing where none is configured', async () => {
    for (const origin of ['https://app.example.com', 'null']) {
      const answers = [
        await ask({ method: 'OPTIONS', url: '/tasks', headers: { ...preflight, origin } }),
        await ask({ method: 'GET', url: '/health/live', headers: { origin } }),
      ];
      for (const { headers } of answers) {
        expect(headers).not.toHaveProperty('access-control-allow-origin');
      }
    }
  });

  it('is allowed to call with credentials where it is configured, and no other is', async () => {
    const other = await bootApp({
      env: { ...REQUIRED, CORS_ORIGINS: 'https://app.example.com' },
      beside: app,
    });
    const allowed = async (origin: string) => {
      const headers = { ...preflight, origin };
      const answer = await other.nest.inject({ method: 'OPTIONS', url: '/tasks', headers });
      return answer.headers['access-control-allow-origin'];
    };
    expect(await allowed('https://app.example.com')).toBe('https://app.example.com');
    for (const origin of ['null', 'https://evil.example', 'https://app.example.com.evil.example']) {
      expect(await allowed(origin)).toBeUndefined();
    }
  });
});

describe('a refresh token (check 5)', () => {
  const refresh = (token: string) =>
    app.http.post<Tokens>('/auth/refresh', { refresh_token: token });

  it('is good for one use; a repetition at once gets the same answer', async () => {
    const { refreshToken } = await signUp(app);
    const next = await refresh(refreshToken);
    expect(next.body).toMatchObject({ token_type: 'Bearer', expires_in: 600 });
    const repeated = await refresh(refreshToken);
    expect(repeated.body.refresh_token).toBe(next.body.refresh_token);
    expect((await refresh(next.body.refresh_token)).status).toBe(200);
  });

  it('that comes again later ends its whole family, access included', async () => {
    const { refreshToken, accessToken, id } = await signUp(app);
    const { body } = await refresh(refreshToken);
    await app.sql(
      "update identity.session set rotated_at = now() - interval '11 seconds' where account_id = $1",
      [id],
    );
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await refresh(body.refresh_token)).status).toBe(401);
    await app.until(async () => (await me(accessToken)).status === 401, { withinMs: 1_000 });
    expect((await me(body.access_token)).status).toBe(401);
  });

  it('is no access token, and an access token is no refresh token', async () => {
    const { accessToken, refreshToken } = await signUp(app);
    expect((await me(refreshToken)).status).toBe(401);
    expect((await refresh(accessToken)).status).toBe(401);
    expect((await me(accessToken)).status).toBe(200);
  });

  it('ends with a logout, as the access token does', async () => {
    const { accessToken, refreshToken, bearer } = await signUp(app);
    const ended = await app.http.send('POST', '/auth/logout', { headers: bearer });
    expect(ended.status).toBe(204);
    expect((await refresh(refreshToken)).status).toBe(401);
    await app.until(async () => (await me(accessToken)).status === 401, { withinMs: 1_000 });
  });
});

describe('an overlong or broken token over HTTP (check 4)', () => {
  it.each(['Bearer', 'Bearer a.b.c', 'Basic dXNlcjpwYXNz', `Bearer ${'x'.repeat(100_000)}`])(
    '"%.20s" is 401',
    async (authorization) => {
      const answer = await app.http.get('/auth/me', { authorization });
      expect(problemIn(answer).status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    },
  );
});

describe('what an administrator takes away', () => {
  it('is gone within a second, with the same token (check 3)', async () => {
    const admin = await signUp(app, { roles: ['admin'] });
    const user = await signUp(app, { rights: ['task:operate'] });
    const list = () => app.http.get('/task-schedules', user.bearer);
    expect((await list()).status).toBe(200);
    const change = (body: object) =>
      app.http.send('PATCH', `/users/${user.id}`, { body, headers: admin.bearer });
    expect((await change({ rights: [] })).body).toMatchObject({ rights: [] });
    await app.until(async () => (await list()).status === 403, { withinMs: 1_000 });
    await change({ disabled: true });
    await app.until(async () => (await list()).status === 401, { withinMs: 1_000 });
    const { email, password } = user;
    expect((await app.http.post('/auth/login', { email, password })).status).toBe(401);
  });

  it('is gone from a role within a second, and the role admin stays', async () => {
    const admin = await signUp(app, { roles: ['admin'] });
    const user = await signUp(app, { roles: ['night-shift'] });
    const put = (role: string, rights: string[]) =>
      app.http.send('PUT', `/roles/${role}`, { body: { rights }, headers: admin.bearer });
    await put('night-shift', ['task:operate']);
    const list = () => app.http.get('/task-schedules', user.bearer);
    await app.until(async () => (await list()).status === 200, { withinMs: 1_000 });
    await put('night-shift', []);
    await app.until(async () => (await list()).status === 403, { withinMs: 1_000 });
    expect(problemIn(await put('admin', []))).toMatchObject({ type: '/problems/role-is-fixed' });
  });

  it('is refused with a field that nobody may write (check 2)', async () => {
    const admin = await signUp(app, { roles: ['admin'] });
    for (const body of [{ id: admin.id }, { email: 'x@example.com' }, { created_at: 'now' }]) {
      const answer = await app.http.send('PATCH', `/users/${admin.id}`, {
        body,
        headers: admin.bearer,
      });
      expect(answer.status).toBe(422);
    }
  });
});

describe('a message (checks 3 and 29)', () => {
  const letter = (id: string) =>
    app.until(async () => {
      const [row] = await app.sql<{ reason: string; letter: string }>(
        'select reason, row_to_json(l)::text as letter from kernel.dead_letter l where message_id = $1',
        [id],
      );
      return row;
    });

  it('is handled for the user whose token it carries', async () => {
    const user = await signUp(app);
    await app.send(
      'tasks',
      'create',
      { payload: 'by message', kind: 'noop' },
      { headers: user.bearer },
    );
    await app.until(
      async () => (await app.sql('select 1 from tasks.task where owner_id = $1', [user.id])).length,
    );
  });

  it('without a token, with a broken one or without the right dies with the reason', async () => {
    const user = await signUp(app);
    const send = (headers: Record<string, string>) =>
      app.send('tasks', 'retry', { dry_run: true }, { headers });
    expect((await letter(await send({}))).reason).toMatch(/^unauthenticated: /);
    const broken = { authorization: 'Bearer canary.canary.canary' };
    expect((await letter(await send(broken))).reason).toMatch(/^invalid-token: /);
    expect((await letter(await send(user.bearer))).reason).toMatch(
      /^missing-right: .*task:operate/,
    );
  });

  it('leaves no token in the dead letters', async () => {
    const user = await signUp(app);
    const id = await app.send('tasks', 'retry', { dry_run: true }, { headers: user.bearer });
    const found = await letter(id);
    expect(found.letter).toContain(id);
    expect(found.letter).not.toContain(user.accessToken.slice(-20));
    expect(found.letter.toLowerCase()).not.toContain('authorization');
  });

  it('loses the right while it waits when its sender does', async () => {
    const user = await signUp(app, { rights: ['task:operate'] });
    await app.http.get('/task-schedules', user.bearer); // the right is known to the process now
    await app.sql("update identity.account set rights = '{}' where id = $1", [user.id]);
    await app.until(async () => {
      const id = await app.send('tasks', 'retry', { dry_run: true }, { headers: user.bearer });
      await app.settle();
      const dead = await app.sql('select 1 from kernel.dead_letter where message_id = $1', [id]);
      return dead.length === 1;
    });
  });
});

describe('wrong logins', () => {
  const wrong = (on: App, email: string, address: string) =>
    on.http.post(
      '/auth/login',
      { email, password: 'a wrong password' },
      { 'x-forwarded-for': address },
    );

  it('answer the same for a known and an unknown email (check 10)', async () => {
    const { email } = await signUp(app);
    const known = problemIn(await wrong(app, email, ''));
    const unknown = problemIn(await wrong(app, 'nobody@example.com', ''));
    const shape = ({ trace_id: _, ...rest }: object & { trace_id: string }) => rest;
    expect(shape(known)).toEqual(shape(unknown));
  });

  it('from rotating addresses over two processes are throttled, and obeying Retry-After helps (checks 11, 15)', async () => {
    const { email, password } = await signUp(app);
    const other = await bootApp({ env: REQUIRED, beside: app });
    const statuses: number[] = [];
    for (let index = 0; index < 200; index += 1) {
      const address = `198.51.100.${String(index)}`;
      const { status, headers } = await wrong(index % 2 ? app : other, email, address);
      statuses.push(status);
      if (status === 429) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(15);
    const refused = await app.http.post('/auth/login', { email, password });
    expect(refused.status).toBe(429);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeLessThanOrEqual(60);
    await app.sql(
      "update identity.throttle set changed_at = changed_at - $1 * interval '1 second'",
      [seconds],
    );
    await logIn(app, email);
  });

  it('of strangers do not shut the owner out where he has logged in before (check 11)', async () => {
    const behindProxy = { ...REQUIRED, TRUSTED_PROXIES: '127.0.0.1' };
    const proxied = await bootApp({ env: behindProxy, beside: app });
    const { email, password } = await signUp(app);
    const home = { 'x-forwarded-for': '203.0.113.7' };
    expect((await proxied.http.post('/auth/login', { email, password }, home)).status).toBe(200);
    const statuses = new Set<number>();
    for (let index = 0; index < 60; index += 1) {
      statuses.add((await wrong(proxied, email, `198.51.100.${String(index)}`)).status);
    }
    expect([...statuses].sort()).toEqual([401, 429]);
    const elsewhere = { 'x-forwarded-for': '198.51.100.250' };
    const { status } = await proxied.http.post('/auth/login', { email, password }, elsewhere);
    expect(status).toBe(429);
    expect((await proxied.http.post('/auth/login', { email, password }, home)).status).toBe(200);
  });

  it('take as long for an unknown email as for a known one (check 10)', async () => {
    const costly = await bootApp({
      env: { ...REQUIRED, AUTH_ARGON2_MEMORY_KIB: '8192', AUTH_ARGON2_PASSES: '2' },
      beside: app,
    });
    const { email } = await signUp(costly);
    const times: Record<string, number[]> = { [email]: [], 'nobody@example.com': [] };
    for (let round = 0; round < 200; round += 1) {
      for (const [who, measured] of Object.entries(times)) {
        await costly.sql('delete from identity.throttle');
        const since = performance.now();
        await wrong(costly, who, '');
        measured.push(performance.now() - since);
      }
    }
    const [known = 0, unknown = 0] = Object.values(times).map(
      (measured) => measured.sort((a, b) => a - b)[measured.length / 2] ?? 0,
    );
    expect(Math.abs(known - unknown) / Math.max(known, unknown)).toBeLessThan(0.1);
  }, 60_000);
});

describe('a password', () => {
  it('is hashed again at the login after the cost has grown (check 9)', async () => {
    const { email, id } = await signUp(app);
    const stored = async () => {
      const rows = await app.sql<{ password: string }>(
        'select password from identity.account where id = $1',
        [id],
      );
      return rows[0]?.password;
    };
    expect(await stored()).toContain('$m=8,t=1,');
    const costlier = await bootApp({ env: { ...REQUIRED, AUTH_ARGON2_PASSES: '3' }, beside: app });
    await logIn(costlier, email);
    expect(await stored()).toContain('$m=8,t=3,');
    await logIn(app, email);
    expect(await stored()).toContain('$m=8,t=3,');
  });

  it('that an administrator sets ends the sessions of before', async () => {
    const admin = await signUp(app, { roles: ['admin'] });
    const user = await signUp(app);
    const body = { password: 'another long password' };
    await app.http.send('PATCH', `/users/${user.id}`, { body, headers: admin.bearer });
    await app.until(async () => (await me(user.accessToken)).status === 401, { withinMs: 1_000 });
    await logIn(app, user.email, body.password);
  });
});

describe('where doors are open', () => {
  it('who has no token is the local developer, and may do all that costs no money', async () => {
    const open = await bootApp({ beside: app });
    const { body } = await open.http.get('/auth/me');
    expect(body).toMatchObject({
      id: 'anonymous',
      email: null,
      is_anonymous: true,
      rights: ['workflow:design', 'workflow:operate', 'task:operate', 'betting:trade', 'admin'],
    });
  });
});

describe('the first administrator', () => {
  it('comes from the environment, once, and keeps his password', async () => {
    const env = {
      IDENTITY_ADMIN_EMAIL: 'root@example.com',
      IDENTITY_ADMIN_PASSWORD: 'the first one',
    };
    await bootApp({ env: { ...REQUIRED, ...env }, beside: app });
    await bootApp({
      env: { ...REQUIRED, ...env, IDENTITY_ADMIN_PASSWORD: 'the second one' },
      beside: app,
    });
    const tokens = await logIn(app, 'root@example.com', 'the first one');
    const answer = await app.http.get('/users', { authorization: `Bearer ${tokens.access_token}` });
    expect(answer.status).toBe(200);
  });
});

import type { InjectOptions } from 'fastify';
import { type App, bootApp } from '../support/app.js';
import { problemIn } from '../support/http-client.js';
import { signUp } from '../support/users.js';

const REQUIRED = { AUTH_MODE: 'required' };
const JSON_TYPE = { 'content-type': 'application/json' };

let app: App;

describe('identity, as browsers meet it', () => {
  beforeAll(async () => {
    app = await bootApp({ env: REQUIRED, shared: true });
  });
  beforeEach(() => app.sql('delete from identity.throttle'));
  afterAll(() => app.stop());

  describe('a registration', () => {
    const ADA = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' };

    it('makes a user without rights, and answers declared fields only (check 2)', async () => {
      const { status, body } = await app.http.post('/auth/register', ADA);
      expect(status).toBe(201);
      expect(body).toEqual({
        id: expect.any(String) as string,
        email: 'ada@example.com',
        name: 'Ada',
        roles: [],
        rights: [],
        disabled_at: null,
        created_at: expect.any(String) as string,
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
      [
        'a form',
        { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
        415,
      ],
      ['a text', { 'sec-fetch-site': 'same-origin', 'content-type': 'text/plain' }, 415],
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
    const preflight = {
      origin: 'https://app.example.com',
      'access-control-request-method': 'POST',
    };

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
      for (const origin of [
        'null',
        'https://evil.example',
        'https://app.example.com.evil.example',
      ]) {
        expect(await allowed(origin)).toBeUndefined();
      }
    });
  });
});

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

import { type App, bootApp } from '../support/app.js';
import { problemIn } from '../support/http-client.js';
import { logIn, signUp } from '../support/users.js';

const REQUIRED = { AUTH_MODE: 'required' };

let app: App;

describe('logins', () => {
  beforeAll(async () => {
    app = await bootApp({ env: REQUIRED, shared: true });
  });
  beforeEach(() => app.sql('delete from identity.throttle'));
  afterAll(() => app.stop());

  describe('wrong logins', () => {
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
      // A busy machine can make one series differ by chance; what the program itself lets through would do so in each.
      const differences: number[] = [];
      while (differences.length < 4 && !(differences.at(-1)! < 0.1)) {
        differences.push(await differenceOfMedians(costly, email));
      }
      expect(differences.at(-1)).toBeLessThan(0.1);
    }, 120_000);
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
      const costlier = await bootApp({
        env: { ...REQUIRED, AUTH_ARGON2_PASSES: '3' },
        beside: app,
      });
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
});

const me = (token: string) => app.http.get('/auth/me', { authorization: `Bearer ${token}` });

function wrong(on: App, email: string, address: string) {
  const body = { email, password: 'a wrong password' };
  return on.http.post('/auth/login', body, { 'x-forwarded-for': address });
}

/** Of 200 wrong logins, in turns with a known and an unknown email, as a share of the longer one. */
async function differenceOfMedians(on: App, email: string): Promise<number> {
  const times: Record<string, number[]> = { [email]: [], 'nobody@example.com': [] };
  for (let round = 0; round < 100; round += 1) {
    for (const [who, measured] of Object.entries(times)) {
      await on.sql('delete from identity.throttle');
      const since = performance.now();
      await wrong(on, who, '');
      measured.push(performance.now() - since);
    }
  }
  const [known = 0, unknown = 0] = Object.values(times).map(
    (measured) => measured.sort((a, b) => a - b)[measured.length / 2] ?? 0,
  );
  return Math.abs(known - unknown) / Math.max(known, unknown);
}

import { type App, bootApp } from '../support/app.js';
import { problemIn } from '../support/http-client.js';
import { logIn, signUp, type Tokens } from '../support/users.js';

const REQUIRED = { AUTH_MODE: 'required' };

let app: App;

describe('sessions and rights', () => {
  beforeAll(async () => {
    app = await bootApp({ env: REQUIRED, shared: true });
  });
  beforeEach(() => app.sql('delete from identity.throttle'));
  afterAll(() => app.stop());

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

    it('ends a stream of events that is open, and a logout does (check 3)', async () => {
      const body = { payload: 'x', run_at: '2999-01-01T00:00:00Z' };
      for (const end of ['logout', 'demotion'] as const) {
        const user = await signUp(app, { rights: ['task:operate'] });
        const task = await app.http.post<{ id: string }>('/tasks', body, user.bearer);
        const path = `/tasks/${task.body.id}/events`;
        const stream = await fetch(new URL(path, app.http.url), { headers: user.bearer });
        expect(stream.status).toBe(200);
        const read = Promise.allSettled([stream.text()]);
        if (end === 'logout') await app.http.send('POST', '/auth/logout', { headers: user.bearer });
        else await app.sql("update identity.account set rights = '{}' where id = $1", [user.id]);
        expect(await read).toHaveLength(1);
      }
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
        async () =>
          (await app.sql('select 1 from tasks.task where owner_id = $1', [user.id])).length,
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

  describe('where doors are open', () => {
    it('who has no token is the local developer, and may do all that costs no money', async () => {
      const open = await bootApp({ beside: app });
      const { body } = await open.http.get('/auth/me');
      expect(body).toMatchObject({
        id: 'anonymous',
        email: null,
        is_anonymous: true,
        rights: ['workflow:design', 'task:operate', 'betting:trade', 'admin'],
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
      const answer = await app.http.get('/users', {
        authorization: `Bearer ${tokens.access_token}`,
      });
      expect(answer.status).toBe(200);
    });
  });
});

const me = (token: string) => app.http.get('/auth/me', { authorization: `Bearer ${token}` });

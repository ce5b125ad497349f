import type { App } from './app.js';

const PASSWORD = 'correct horse battery staple';

export interface TestUser {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  /** The header that a bearer client sends. */
  readonly bearer: { readonly authorization: string };
}

export interface Tokens {
  readonly user_id: string;
  readonly access_token: string;
  readonly refresh_token: string;
}

let count = 0;

/** Registers a user, grants, and logs in as a bearer client. */
export async function signUp(
  app: App,
  { roles = [], rights = [] }: { roles?: string[]; rights?: string[] } = {},
): Promise<TestUser> {
  count += 1;
  const email = `user-${String(count)}@example.com`;
  const answer = await app.http.post('/auth/register', { email, password: PASSWORD, name: 'User' });
  expect(answer.status).toBe(201);
  await app.sql('update identity.account set roles = $2, rights = $3 where email = $1', [
    email,
    roles,
    rights,
  ]);
  const tokens = await logIn(app, email);
  return {
    id: tokens.user_id,
    email,
    password: PASSWORD,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    bearer: { authorization: `Bearer ${tokens.access_token}` },
  };
}

/** A login that must succeed. */
export async function logIn(app: App, email: string, password = PASSWORD): Promise<Tokens> {
  const body = { email, password, token_delivery: 'body' };
  const answer = await app.http.post<Tokens>('/auth/login', body);
  expect(answer.status).toBe(200);
  return answer.body;
}

import { createHmac, generateKeyPairSync } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { InvalidToken } from '../../kernel/access/access.errors.js';
import { Clock } from '../../kernel/clock.js';
import { loadEnv } from '../../kernel/env.js';
import { ACCESS_SECONDS, Tokens } from './tokens.js';

const SECRET = 'k'.repeat(40);
const OLD_SECRET = 'o'.repeat(40);
const USER = {
  userId: '019aa3a4-5b6c-7d8e-9f00-112233445566',
  sessionId: '019aa3a4-5b6c-7d8e-9f00-112233445577',
};
const NOW = new Date('2025-11-21T09:30:00Z');

function tokensWith(keys: string, now = NOW): Tokens {
  const clock = new Clock();
  clock.now = () => now;
  return new Tokens(
    loadEnv({ DATABASE_URL: 'postgres://nobody@127.0.0.1/nothing', AUTH_KEYS: keys }),
    clock,
  );
}

const tokens = tokensWith(`new:${SECRET},old:${OLD_SECRET}`);
const seconds = (date: Date) => Math.floor(date.getTime() / 1_000);

/** What a good token says, but for the changes. */
function claims(changes: Record<string, unknown> = {}) {
  const iat = seconds(NOW);
  return {
    sid: USER.sessionId,
    sub: USER.userId,
    iss: 'millrace',
    aud: 'millrace-api',
    iat,
    exp: iat + 600,
    ...changes,
  };
}

function signed(
  changes: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  secret: string | Uint8Array = SECRET,
): Promise<string> {
  return new SignJWT(claims(changes))
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'new', ...header })
    .sign(typeof secret === 'string' ? Buffer.from(secret) : secret);
}

/** Joins what the library would refuse to make. */
function forged(header: object, payload: object, secret = SECRET): string {
  const text = [header, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

describe('an access token', () => {
  it('says whose it is', async () => {
    await expect(tokens.readAccess(await tokens.access(USER))).resolves.toEqual(USER);
    await expect(tokens.readAccess(await signed())).resolves.toEqual(USER);
  });

  it('is good for ten minutes, and a little skew of clocks', async () => {
    const token = await tokens.access(USER);
    const after = (s: number) => tokensWith(`new:${SECRET}`, new Date(NOW.getTime() + s * 1_000));
    await expect(after(ACCESS_SECONDS + 4).readAccess(token)).resolves.toEqual(USER);
    await expect(after(ACCESS_SECONDS + 6).readAccess(token)).rejects.toThrow(InvalidToken);
  });

  it('of an older key is good while that is kept, and not afterwards', async () => {
    const old = await tokensWith(`old:${OLD_SECRET}`).access(USER);
    await expect(tokens.readAccess(old)).resolves.toEqual(USER);
    await expect(tokensWith(`new:${SECRET}`).readAccess(old)).rejects.toThrow(InvalidToken);
  });

  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;

  it.each<[string, () => string | Promise<string>]>([
    ['alg none', () => new UnsecuredJWT(claims()).encode()],
    [
      'alg none with a signature',
      () => forged({ alg: 'none', typ: 'at+jwt', kid: 'new' }, claims()),
    ],
    [
      'alg RS256 by a key of its own',
      () =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'new' })
          .sign(privateKey),
    ],
    ['alg HS256 with a public key as the secret', () => signed({}, {}, Buffer.from(pem))],
    ['alg HS512', () => signed({}, { alg: 'HS512' }, Buffer.from(SECRET.repeat(2)))],
    ['alg in other letters', () => forged({ alg: 'hs256', typ: 'at+jwt', kid: 'new' }, claims())],
    ['no kid', () => forged({ alg: 'HS256', typ: 'at+jwt' }, claims())],
    ['a kid that is a path', () => signed({}, { kid: '../../dev/null' }, Buffer.alloc(32))],
    ['a kid that is SQL', () => signed({}, { kid: "' union select 'k" })],
    ['a kid that is a number', () => forged({ alg: 'HS256', typ: 'at+jwt', kid: 0 }, claims())],
    ['the kid of another key', () => signed({}, { kid: 'old' })],
    ['a jku', () => signed({}, { kid: 'theirs', jku: 'https://example.com/keys' }, 'x'.repeat(40))],
    [
      'an x5u',
      () => signed({}, { kid: 'theirs', x5u: 'https://example.com/cert' }, 'x'.repeat(40)),
    ],
    [
      'a jwk of its own',
      () => signed({}, { kid: 'new', jwk: { kty: 'oct', k: 'eHh4' } }, 'x'.repeat(40)),
    ],
    [
      'a critical extension',
      () => forged({ alg: 'HS256', typ: 'at+jwt', kid: 'new', crit: ['exp'], exp: 1 }, claims()),
    ],
    ['typ JWT', () => signed({}, { typ: 'JWT' })],
    ['no typ', () => forged({ alg: 'HS256', kid: 'new' }, claims())],
    ['another issuer', () => signed({ iss: 'somebody' })],
    ['another audience', () => signed({ aud: 'somebody' })],
    ['no end', () => signed({ exp: undefined })],
    ['an end in the past', () => signed({ exp: seconds(NOW) - 10 })],
    [
      'an end that is text',
      () => forged({ alg: 'HS256', typ: 'at+jwt', kid: 'new' }, claims({ exp: 'never' })),
    ],
    ['a beginning in the future', () => signed({ nbf: seconds(NOW) + 60 })],
    ['no session', () => signed({ sid: undefined })],
    ['a session that is no id', () => signed({ sid: "' or true --" })],
    ['another signature', async () => `${(await signed()).slice(0, -4)}AAAA`],
    ['no signature', async () => (await signed()).replace(/[^.]+$/, '')],
    ['100 kB', () => `eyJ.${'a'.repeat(100_000)}.a`],
    ['nothing', () => ''],
    ['a refresh token', () => tokens.refresh({ sessionId: USER.sessionId, generation: 1 })],
  ])('with %s is refused', async (_, make) => {
    await expect(tokens.readAccess(await make())).rejects.toThrow(InvalidToken);
  });
});

describe('a refresh token', () => {
  const claim = { sessionId: USER.sessionId, generation: 7 };

  it('says of which session and generation it is, by any key that is kept', () => {
    expect(tokens.readRefresh(tokens.refresh(claim))).toEqual(claim);
    expect(tokens.readRefresh(tokensWith(`old:${OLD_SECRET}`).refresh(claim))).toEqual(claim);
  });

  it('is refused when anything of it is changed, and so is an access token', async () => {
    const token = tokens.refresh(claim);
    expect(tokens.readRefresh(token.replace('.7.', '.8.'))).toBeUndefined();
    expect(tokens.readRefresh(`${token.slice(0, -2)}AA`)).toBeUndefined();
    expect(tokens.readRefresh(tokensWith(`x:${'x'.repeat(40)}`).refresh(claim))).toBeUndefined();
    expect(tokens.readRefresh(await tokens.access(USER))).toBeUndefined();
    expect(tokens.readRefresh('')).toBeUndefined();
  });
});

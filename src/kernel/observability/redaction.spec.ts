import fc from 'fast-check';
import { parseRedacted, redact, redactText, REDACTED } from './redaction.js';

const CANARY = 'cAnary-7f3a9b';

const shown = (value: unknown) => JSON.stringify(redact(value));

describe('a secret is hidden', () => {
  it.each([
    ['password'],
    ['Password'],
    ['db_password'],
    ['passwd'],
    ['authorization'],
    ['Proxy-Authorization'],
    ['cookie'],
    ['set-cookie'],
    ['token'],
    ['accessToken'],
    ['client_secret'],
    ['x-api-key'],
    ['privateKey'],
  ])('under the key %s, at any depth and in any shape', (key) => {
    for (const value of [CANARY, [CANARY], { inner: CANARY }]) {
      expect(shown({ [key]: value })).not.toContain(CANARY);
      expect(shown({ a: [{ b: { [key]: value } }] })).not.toContain(CANARY);
      expect(shown(new Map([[key, value]]))).not.toContain(CANARY);
    }
  });

  it.each([
    [`postgres://millrace:${CANARY}@127.0.0.1:5432/millrace`],
    [`connect amqps://user:${CANARY}/with@sign@broker/vhost failed`],
    [`redis://:${CANARY}@cache`],
    [`Authorization: Bearer ${CANARY}`],
    [`Basic ${CANARY}=`],
    [`Cookie: __Host-session=${CANARY}; theme=dark`],
    [`password=${CANARY}`],
    [`POST /login?token=${CANARY}&x=1`],
    [`{"user":"a","password":"${CANARY}"}`],
    [JSON.stringify({ body: JSON.stringify({ api_key: CANARY }) })],
    [`eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.${CANARY}`],
  ])('inside the text %s', (text) => {
    expect(redactText(text)).not.toContain(CANARY);
    expect(redactText(text)).toContain(REDACTED);
    expect(shown({ note: [text] })).not.toContain(CANARY);
  });

  it('in errors, their causes, and what a driver hangs on them', () => {
    const cause = Object.assign(new Error(`login failed: password=${CANARY}`), { code: '28P01' });
    const error = Object.assign(new Error('no connection', { cause }), { parameters: [CANARY] });
    expect(shown({ err: error })).not.toContain(CANARY);
    expect(redact({ err: error })).toMatchObject({
      err: { type: 'Error', message: 'no connection', cause: { code: '28P01' } },
    });
    expect(shown(new AggregateError([cause], 'all failed'))).not.toContain(CANARY);
  });

  it('wherever it stands, for any surroundings', () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(fc.string(), fc.array(word, { maxLength: 6 }), (noise, path) => {
        const leaf: unknown = { password: CANARY, note: `${noise} password=${CANARY}` };
        const nested = path.reduce((inner, key) => ({ [key]: [inner] }), leaf);
        expect(shown(nested)).not.toContain(CANARY);
      }),
    );
  });
});

describe('what is no secret', () => {
  it.each([
    ['Unexpected token < in JSON at position 4'],
    ['connected to postgres://127.0.0.1:5432/millrace'],
    ['basic settings loaded'],
    ['task 0190 succeeded in 12 ms'],
  ])('stays as it is: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('stays: counted tokens, nulls, dates', () => {
    const at = new Date('2026-01-02T03:04:05Z');
    expect(redact({ total_tokens: 7, token: null, at })).toEqual({
      total_tokens: 7,
      token: null,
      at: '2026-01-02T03:04:05.000Z',
    });
  });
});

describe('JSON without its secrets', () => {
  it('is whole otherwise, however long and deep', () => {
    const deep = JSON.parse(`${'['.repeat(50)}1${']'.repeat(50)}`) as unknown;
    const value = { items: Array.from({ length: 1_000 }, (_, n) => n), deep, token_count: 3 };
    expect(parseRedacted(JSON.stringify(value))).toEqual(value);
  });

  it('hides them by key at any depth, and inside texts', () => {
    const json = JSON.stringify([{ a: { api_key: CANARY } }, `postgres://me:${CANARY}@db`]);
    expect(parseRedacted(json)).toEqual([
      { a: { api_key: REDACTED } },
      `postgres://me:${REDACTED}@db`,
    ]);
  });
});

describe('hostile values', () => {
  it('are cut: cycles, depth, length, binary', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(shown(cycle)).toContain('[too deep]');
    expect(redact(Array.from({ length: 1_000 }))).toHaveLength(100);
    expect(redact(Buffer.from('secret'))).toBe('[6 bytes]');
  });

  it('never throw', () => {
    const trap = {
      get boom(): never {
        throw new TypeError('gotcha');
      },
    };
    expect(redact(trap)).toBe('[unloggable: TypeError]');
  });

  it('of 64 KB cost milliseconds', () => {
    for (const part of ['eyJ-', 'token', 'a://b:', 'a.', 'bearer ', 'secret=" ']) {
      const text = part.repeat(65_536 / part.length);
      const start = performance.now();
      redactText(`token ${text}`);
      expect(performance.now() - start).toBeLessThan(500);
    }
  });
});

import type { InjectOptions } from 'fastify';
import { type Door, openDoor } from '../../../test/support/http-door.js';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(() => door.close());

async function ask(options: InjectOptions) {
  const answer = await door.app.inject(options);
  const isJson = answer.headers['content-type']?.includes('json') ?? false;
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: isJson ? answer.json<Record<string, unknown>>() : {},
  };
}

const json = { 'content-type': 'application/json' };

describe('a problem', () => {
  it('has every member of RFC 9457 that we promise', async () => {
    const { headers, body } = await ask({ url: '/things/error/domain/conflict?token=secret' });
    expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(body).toEqual({
      type: '/problems/the-code',
      title: 'Conflict',
      status: 409,
      detail: 'The rule is broken.',
      instance: '/api/v1/things/error/domain/conflict',
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
      errors: [{ field: 'state', message: 'is final' }],
    });
  });

  it.each([
    ['malformed', 400],
    ['unauthenticated', 401],
    ['forbidden', 403],
    ['not-found', 404],
    ['conflict', 409],
    ['too-large', 413],
    ['invalid', 422],
    ['too-many', 429],
    ['unavailable', 503],
  ])('of the kind %s has the status %i', async (kind, status) => {
    expect((await ask({ url: `/things/error/domain/${kind}` })).status).toBe(status);
  });

  it('says when to come back if that helps', async () => {
    const unavailable = await ask({ url: '/things/error/domain/unavailable' });
    const tooMany = await ask({ url: '/things/error/domain/too-many' });
    expect(unavailable.headers['retry-after']).toBe('3');
    expect(tooMany.headers['retry-after']).toBe('1');
  });

  it('names the scheme to log in with', async () => {
    const { headers } = await ask({ url: '/things/error/domain/unauthenticated' });
    expect(headers['www-authenticate']).toBe('Bearer');
  });

  it('never tells the inside of an unexpected error', async () => {
    const { status, body } = await ask({ url: '/things/error/unexpected' });
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toMatch(/secret|boom|Error:|stack/);
  });

  it('tells that the database is away, whatever the driver calls it', async () => {
    const errors = [
      Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
      new Error('timeout exceeded when trying to connect'),
      new Error('Connection terminated unexpectedly'),
      Object.assign(new Error('too many clients'), { code: '53300' }),
      Object.assign(new Error('shutting down'), { code: '57P01' }),
      Object.assign(new Error('deadlock'), { code: '40P01' }),
    ];
    for (const error of errors) {
      door.effects.fail = () => Promise.reject(error);
      const { status, headers, body } = await ask({ url: '/things/error/unexpected' });
      expect([error.message, status, body.type, headers['retry-after']]).toEqual([
        error.message,
        503,
        '/problems/database-unavailable',
        '1',
      ]);
    }
  });

  it('answers exceptions of Nest, too', async () => {
    expect((await ask({ url: '/things/error/nest/7' })).body).toMatchObject({
      status: 404,
      type: '/problems/not-found',
      detail: 'There is no thing 7.',
    });
    expect((await ask({ url: '/things/error/nest/seven' })).body).toMatchObject({ status: 400 });
  });
});

describe('a body', () => {
  const post = (payload: string | Buffer, headers: Record<string, string> = json) =>
    ask({ method: 'POST', url: '/things', payload, headers });

  it.each([
    ['{"payload":', 'invalid-json'],
    ['nonsense', 'invalid-json'],
    ['{"payload":"a","__proto__":{"x":1}}', 'forbidden-key'],
    ['{"payload":"a","constructor":{"prototype":{}}}', 'forbidden-key'],
    [`{"payload":"a","nested":${'['.repeat(64)}${']'.repeat(64)}}`, 'too-deep'],
    ['['.repeat(1_000_000), 'too-deep'],
    ['{"payload":"a\\u0000"}', 'unstorable-text'],
    ['{"payload":"\\ud800"}', 'unstorable-text'],
    ['', 'missing-body'],
  ])('%.40s is malformed', async (payload, code) => {
    const { status, body } = await post(payload);
    expect([status, body.type]).toEqual([400, `/problems/${code}`]);
  });

  it('says where JSON breaks', async () => {
    const { body } = await post('{"payload":"a" 1}');
    expect(body.detail).toContain('position 15');
  });

  it.each([
    ['63 levels', `{"payload":"a","nested":${'['.repeat(63)}${']'.repeat(63)}}`],
    ['brackets inside texts', JSON.stringify({ payload: '[{"'.repeat(33) })],
    ['an escaped escape', '{"payload":"\\\\u0000 and \\ud83d\\ude00"}'],
  ])('may hold %s', async (_name, payload) => {
    expect((await post(payload)).status).toBe(201);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
  ])('of the type %s is not accepted', async (type) => {
    const { status, body } = await post('payload=a', { 'content-type': type });
    expect([status, body.type]).toEqual([415, '/problems/unsupported-media-type']);
  });

  it('of more than 4 MiB is too large', async () => {
    const { status, body } = await post(JSON.stringify({ payload: 'a'.repeat(4_200_000) }));
    expect([status, body.type]).toEqual([413, '/problems/too-large']);
  });

  it('that breaks the schema names every field as the client wrote it', async () => {
    const { status, body } = await post('{"payload":7,"priority":11}');
    expect(status).toBe(422);
    expect(body).toMatchObject({
      type: '/problems/invalid-body',
      errors: [{ field: 'payload' }, { field: 'priority' }],
    });
  });

  it('that is an array names the item', async () => {
    const items = [
      { payload: 'a' },
      { payload: 'b' },
      { payload: 'c' },
      { payload: 'd', priority: 11 },
    ];
    const { status, body } = await post(JSON.stringify(items));
    expect([status, body.errors]).toEqual([
      422,
      [{ field: '[3].priority', message: expect.any(String) as unknown }],
    ]);
  });

  it.each([
    ['[]', 'an empty array'],
    [JSON.stringify(Array(1_001).fill({ payload: 'a' })), 'more than 1,000 items'],
    ['"text"', 'a text'],
    ['null', 'null'],
  ])('that is %.30s is invalid', async (payload) => {
    const { status, body } = await post(payload);
    expect([status, body.errors]).toEqual([
      422,
      [{ field: 'body', message: expect.any(String) as unknown }],
    ]);
  });
});

describe('an address', () => {
  it.each([
    ['/things/17', 'params.id', 'invalid-path'],
    ['/things?limit=0', 'query.limit', 'invalid-query'],
    ['/things?limit=201', 'query.limit', 'invalid-query'],
    ['/things?limit=x', 'query.limit', 'invalid-query'],
    ['/things?status=unknown', 'query.status', 'invalid-query'],
    ['/things?cursor=broken', 'query.cursor', 'invalid-query'],
    [
      `/things?cursor=${Buffer.from('["x"]').toString('base64url')}`,
      'query.cursor',
      'invalid-query',
    ],
  ])('%s is malformed', async (url, field, code) => {
    const { status, body } = await ask({ url });
    expect([status, body.type, (body.errors as { field: string }[])[0]?.field]).toEqual([
      400,
      `/problems/${code}`,
      field,
    ]);
  });

  it.each(['/things/%ff', '/things/%'])('that cannot be decoded (%s) is malformed', async (url) => {
    const { status, headers } = await ask({ url });
    expect([status, headers['content-type']]).toEqual([
      400,
      'application/problem+json; charset=utf-8',
    ]);
  });

  it('that is unknown is not found', async () => {
    expect((await ask({ url: '/nothing' })).body).toMatchObject({
      status: 404,
      instance: '/api/v1/nothing',
    });
  });

  it('with a parameter longer than any id is refused', async () => {
    expect((await ask({ url: `/things/${'a'.repeat(600)}` })).status).toBe(414);
  });

  it.each([
    ['DELETE', '/things', 'GET, HEAD, POST'],
    ['PATCH', '/api/v1/things', 'GET, HEAD, POST'],
    ['POST', '/things/019aa3a4-5b6c-7d8e-9f00-112233445566', 'GET, HEAD'],
    ['PUT', '/health', 'GET, HEAD'],
    ['OPTIONS', '/things', 'GET, HEAD, POST'],
    ['TRACE', '/things', 'GET, HEAD, POST'],
  ])('does not answer %s %s', async (method, url, allow) => {
    const { status, headers, body } = await ask({ method: method, url });
    expect([status, headers.allow, body.type]).toEqual([
      405,
      allow,
      '/problems/method-not-allowed',
    ]);
  });

  it.each(['/things/empty', '/api/v1/things/empty', '/things/empty/'])(
    '%s is one resource',
    async (url) => {
      expect((await ask({ url })).body).toEqual({ ok: true });
    },
  );

  it('answers pages until the last one', async () => {
    const first = await ask({ url: '/things?limit=100' });
    const second = await ask({ url: `/things?limit=100&cursor=${String(first.body.next_cursor)}` });
    expect([first.body.items, second.body.items, second.body.next_cursor]).toEqual([
      Array.from({ length: 100 }, (_, index) => index + 1),
      Array.from({ length: 20 }, (_, index) => index + 101),
      null,
    ]);
  });
});

it('sets headers that keep browsers from guessing, framing and storing', async () => {
  const { headers } = await ask({ url: '/nothing' });
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  });
  expect(headers).not.toHaveProperty('access-control-allow-origin');
});

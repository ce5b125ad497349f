import type { OpenAPIObject } from '@nestjs/swagger';
import { type Door, DoorModule, openDoor } from '../../../test/support/http-door.js';
import { loadEnv } from '../env.js';
import { describeApi } from './http-app.js';

let door: Door;
let document: OpenAPIObject;
beforeAll(async () => {
  door = await openDoor();
  document = (await door.app.inject('/api/openapi.json')).json();
});
afterAll(() => door.close());

const NEW_THING = { $ref: '#/components/schemas/NewThingInput' };
const THING = { $ref: '#/components/schemas/Thing' };

describe('the OpenAPI document', () => {
  it('lists every operation once, below the version', () => {
    const paths = Object.keys(document.paths);
    expect(paths.every((path) => path.startsWith('/api/v1/'))).toBe(true);
    expect(paths).toEqual([...new Set(paths)].sort());
    expect(paths).toContain('/api/v1/things/{id}');
  });

  it('takes bodies and answers from the zod schemas, named ones as components', () => {
    const post = document.paths['/api/v1/things']?.post;
    const oneOrMany = (item: object) => ({
      schema: { anyOf: [item, { type: 'array', minItems: 1, maxItems: 1_000, items: item }] },
    });
    expect(post?.requestBody).toMatchObject({
      content: { 'application/json': oneOrMany(NEW_THING) },
    });
    expect(post?.responses['201']).toMatchObject({
      content: { 'application/json': oneOrMany(THING) },
    });
    expect(document.components?.schemas?.Thing).toMatchObject({
      properties: { made_at: { type: 'string', format: 'date-time' } },
      additionalProperties: false,
    });
    expect(document.components?.schemas?.NewThingInput).toMatchObject({ required: ['payload'] });
  });

  it('lists the fields of a query as parameters', () => {
    const parameters = document.paths['/api/v1/things']?.get?.parameters;
    expect(parameters).toMatchObject([
      { name: 'limit', in: 'query', required: false, schema: { default: 50, maximum: 200 } },
      { name: 'cursor', in: 'query', required: false },
      { name: 'status', in: 'query', schema: { enum: ['new', 'done'] } },
    ]);
  });

  it('refers each problem to one shared answer', () => {
    const statuses = (operation?: { responses: object }) =>
      Object.keys(operation?.responses ?? {}).filter((status) => Number(status) >= 400);
    expect(statuses(document.paths['/api/v1/things']?.get)).toEqual([
      '400',
      '401',
      '403',
      '429',
      '500',
      '503',
    ]);
    expect(statuses(document.paths['/api/v1/things']?.post)).toEqual([
      '400',
      '401',
      '403',
      '409',
      '413',
      '415',
      '422',
      '429',
      '500',
      '503',
    ]);
    expect(document.paths['/api/v1/things/{id}']?.get?.responses).toMatchObject({
      404: { $ref: '#/components/responses/Problem404' },
      409: { $ref: '#/components/responses/Problem409' },
    });
    expect(document.components?.responses?.Problem429).toMatchObject({
      headers: { 'Retry-After': {} },
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    });
  });

  it('has no reference that leads nowhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/([^/]+)\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(20);
    for (const [, kind, name] of references) {
      expect(document.components).toHaveProperty([kind ?? '', name ?? '']);
    }
  });

  it('is the same when it is written without starting anything', async () => {
    const env = loadEnv({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' });
    const { openApi } = await describeApi(DoorModule.for(env), env);
    expect(JSON.stringify(openApi)).toBe(JSON.stringify(document));
  });
});

it('serves Swagger UI with everything that its page loads', async () => {
  const page = await door.app.inject('/api/docs');
  const files = [...page.body.matchAll(/(?:src|href)="(\.[^"]+)"/g)].map(([, file]) => file ?? '');
  expect(files).toContain('./docs/swagger-ui-init.js');
  for (const file of files) {
    const { statusCode } = await door.app.inject(
      new URL(file, 'http://localhost/api/docs').pathname,
    );
    expect([file, statusCode]).toEqual([file, 200]);
  }
});

it('leads from the root to the documentation', async () => {
  const { statusCode, headers } = await door.app.inject('/');
  expect([statusCode, headers.location]).toEqual([302, '/api/docs']);
});

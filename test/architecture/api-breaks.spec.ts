import { breaksBetween } from '../../scripts/verify/api-breaks.ts';

type Json = Record<string, unknown>;

const TASK: Json = {
  type: 'object',
  properties: {
    id: { type: 'string', format: 'uuid' },
    status: { type: 'string', enum: ['new', 'done'] },
    error: {
      anyOf: [{ type: 'object', properties: { code: { type: 'string' } } }, { type: 'null' }],
    },
    note: { type: 'string' },
  },
  required: ['id', 'status', 'error'],
  additionalProperties: false,
};

const NEW_TASK: Json = {
  type: 'object',
  properties: {
    payload: {},
    priority: { type: 'integer', minimum: 0, maximum: 10 },
    kind: { type: 'string', enum: ['a', 'b'] },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['payload'],
  additionalProperties: false,
};

const clone = <T>(value: T): T => structuredClone(value);

/** An HTTP operation and a message that take a task, and an answer and an event that give one. */
const documents = {
  openApi: (taken: Json, given: Json): Json => ({
    paths: {
      '/tasks': {
        post: {
          parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer', maximum: 200 } }],
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { $ref: '#/components/schemas/NewTask' } } },
          },
          responses: {
            201: {
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Task' } } },
            },
            409: { $ref: '#/components/responses/Problem409' },
          },
        },
        get: { responses: { 200: {} } },
      },
    },
    components: { schemas: { NewTask: taken, Task: given }, responses: { Problem409: {} } },
  }),
  asyncApi: (taken: Json, given: Json): Json => ({
    channels: {
      queue: {
        address: 'tasks',
        messages: {},
        bindings: { amqp: { 'x-arguments': { 'x-delivery-limit': 20 } } },
      },
      create: {
        address: 'tasks/create',
        messages: { create: { $ref: '#/components/messages/create' } },
      },
      ended: {
        address: 'tasks.ended.v1',
        messages: { ended: { $ref: '#/components/messages/ended' } },
      },
    },
    operations: {
      Tasks_create: {
        action: 'receive',
        channel: { $ref: '#/channels/create' },
        messages: [{ $ref: '#/channels/create/messages/create' }],
      },
      ended: {
        action: 'send',
        channel: { $ref: '#/channels/ended' },
        messages: [{ $ref: '#/channels/ended/messages/ended' }],
      },
    },
    components: {
      schemas: { NewTask: taken, Task: given },
      messages: {
        create: {
          name: 'create',
          headers: {
            type: 'object',
            properties: { route: { const: 'create' } },
            required: ['route'],
          },
          payload: { $ref: '#/components/schemas/NewTask' },
        },
        ended: { name: 'ended', payload: { $ref: '#/components/schemas/Task' } },
      },
    },
  }),
};

/** The lines for a change of a field of what is taken and of what is given. */
function afterChange(
  change: (taken: Json, given: Json) => void,
  kind: keyof typeof documents,
): string[] {
  const [taken, given] = [clone(NEW_TASK), clone(TASK)];
  change(taken, given);
  return breaksBetween(documents[kind](NEW_TASK, TASK), documents[kind](taken, given));
}

const fields = (schema: Json) => schema['properties'] as Record<string, Json>;

const KINDS = [
  ['openApi', 'POST /tasks, body application/json', 'POST /tasks, answer 201 application/json'],
  ['asyncApi', 'message to tasks/create, payload', 'event tasks.ended.v1, payload'],
] as const;

describe.each(KINDS)('%s', (kind, taken, given) => {
  it.each<[string, (taken: Json, given: Json) => void, string]>([
    [
      'a new required field',
      (t) => (t['required'] = ['payload', 'kind']),
      `${taken}.kind: required, was optional`,
    ],
    [
      'a field that is refused',
      (t) => delete fields(t)['priority'],
      `${taken}.priority: refused, was optional`,
    ],
    [
      'a narrower limit',
      (t) => (fields(t)['priority']!['maximum'] = 9),
      `${taken}.priority: maximum 9, was maximum 10`,
    ],
    [
      'a new limit',
      (t) => (fields(t)['tags']!['maxItems'] = 3),
      `${taken}.tags: maxItems 3, was maxItems none`,
    ],
    ['a narrower enum', (t) => (fields(t)['kind']!['enum'] = ['a']), `${taken}.kind: a, was a | b`],
    [
      'a narrower type',
      (t) => (fields(t)['tags']!['items'] = { type: 'integer' }),
      `${taken}.tags[]: type integer, was type string`,
    ],
    [
      'a type where anything was taken',
      (t) => (fields(t)['payload'] = { type: 'string' }),
      `${taken}.payload: type string, was type any`,
    ],
  ])('reports %s in what is taken', (_title, change, line) => {
    expect(afterChange(change, kind)).toEqual([line]);
  });

  it.each<[string, (taken: Json, given: Json) => void, string]>([
    ['a removed field', (_, g) => delete fields(g)['note'], `${given}.note: absent, was optional`],
    [
      'a newly optional field',
      (_, g) => (g['required'] = ['id', 'error']),
      `${given}.status: optional, was required`,
    ],
    [
      'a wider enum',
      (_, g) => (fields(g)['status']!['enum'] = ['new', 'done', 'lost']),
      `${given}.status: new | done | lost, was new | done`,
    ],
    [
      'another type',
      (_, g) => (fields(g)['note']!['type'] = ['string', 'null']),
      `${given}.note: type string or null, was type string`,
    ],
    [
      'another format',
      (_, g) => delete fields(g)['id']!['format'],
      `${given}.id: format none, was format uuid`,
    ],
  ])('reports %s in what is given', (_title, change, line) => {
    expect(afterChange(change, kind)).toEqual([line]);
  });

  it.each<[string, (taken: Json, given: Json) => void]>([
    ['nothing changed', () => undefined],
    ['a new optional field is taken', (t) => (fields(t)['more'] = { type: 'string' })],
    ['a wider enum is taken', (t) => (fields(t)['kind']!['enum'] = ['a', 'b', 'c'])],
    ['a wider limit is taken', (t) => (fields(t)['priority']!['maximum'] = 20)],
    ['a field is no longer required', (t) => (t['required'] = [])],
    ['a new field is given', (_, g) => (fields(g)['more'] = { type: 'string' })],
    ['a narrower enum is given', (_, g) => (fields(g)['status']!['enum'] = ['new'])],
    ['a field is always given', (_, g) => (g['required'] = ['id', 'status', 'error', 'note'])],
    ['a description changed', (t, g) => (t['description'] = g['description'] = 'new words')],
  ])('passes when %s', (_title, change) => {
    expect(afterChange(change, kind)).toEqual([]);
  });
});

describe('operations', () => {
  const http = documents.openApi(NEW_TASK, TASK);
  const messages = documents.asyncApi(NEW_TASK, TASK);
  const without = (document: Json, ...path: string[]): Json => {
    const copy = clone(document);
    const holder = path.slice(0, -1).reduce<Json>((at, key) => at[key] as Json, copy);
    delete holder[path.at(-1) ?? ''];
    return copy;
  };
  const post = (document: Json) =>
    (document['paths'] as Record<string, Record<string, Json>>)['/tasks']!['post']!;

  it.each([
    ['path', http, ['paths', '/tasks'], ['POST /tasks: removed', 'GET /tasks: removed']],
    ['method', http, ['paths', '/tasks', 'get'], ['GET /tasks: removed']],
    [
      'status',
      http,
      ['paths', '/tasks', 'post', 'responses', '409'],
      ['POST /tasks, answer 409: removed'],
    ],
    ['message', messages, ['operations', 'Tasks_create'], ['message to tasks/create: removed']],
    ['event', messages, ['operations', 'ended'], ['event tasks.ended.v1: removed']],
    ['queue', messages, ['channels', 'queue'], ['queue tasks: removed']],
  ])('reports a removed %s', (_what, document, path, lines) => {
    expect(breaksBetween(document, without(document, ...path))).toEqual(lines);
    expect(breaksBetween(without(document, ...path), document)).toEqual([]);
  });

  it('reports a parameter that is new and required, or required now', () => {
    const demanding = clone(http);
    const parameter = {
      name: 'x-tenant',
      in: 'header',
      required: true,
      schema: { type: 'string' },
    };
    (post(demanding)['parameters'] as Json[]).push(parameter);
    expect(breaksBetween(http, demanding)).toEqual([
      'POST /tasks, header parameter x-tenant: new and required',
    ]);
    (post(demanding)['parameters'] as Json[]).pop();
    (post(demanding)['parameters'] as Json[])[0]!['required'] = true;
    expect(breaksBetween(http, demanding)).toEqual([
      'POST /tasks, query parameter limit: now required',
    ]);
  });

  it('reports a header that a message must have from now on', () => {
    const demanding = clone(messages);
    const { create } = (demanding['components'] as Record<string, Record<string, Json>>)[
      'messages'
    ]!;
    create!['headers'] = { type: 'object', properties: {}, required: ['route', 'tenant'] };
    expect(breaksBetween(messages, demanding)).toEqual([
      'message to tasks/create, headers.tenant: required, was absent',
    ]);
  });

  it('lets another kind of answer join the first, which must stay as it is', () => {
    const answer = (...names: string[]): Json => {
      const document = clone(messages);
      const { Tasks_create: create } = document['operations'] as Record<string, Json>;
      const references = names.map((name) => ({ $ref: `#/components/messages/${name}` }));
      create!['reply'] = { messages: references };
      const { messages: known } = document['components'] as Record<string, Json>;
      known!['error'] = { name: 'error', payload: { type: 'string' } };
      return document;
    };
    expect(breaksBetween(answer('ended'), answer('ended', 'error'))).toEqual([]);
    expect(breaksBetween(answer('ended', 'error'), answer('ended'))).toContain(
      'message to tasks/create, reply error payload: removed',
    );
    expect(breaksBetween(answer('ended'), answer('error'))).not.toEqual([]);
  });

  it('reports other arguments of a queue', () => {
    const other = clone(messages);
    const { queue } = other['channels'] as Record<string, Json>;
    queue!['bindings'] = { amqp: { 'x-arguments': { 'x-delivery-limit': 5 } } };
    expect(breaksBetween(messages, other)).toHaveLength(1);
  });

  it('does not care what a method or a schema is called in the code', () => {
    const renamed = JSON.parse(
      JSON.stringify(messages).replaceAll('Tasks_create', 'Jobs_make').replaceAll('NewTask', 'Job'),
    ) as Json;
    expect(breaksBetween(messages, renamed)).toEqual([]);
  });

  it('names the field in the alternative that was meant', () => {
    const oneOrMany = (item: Json): Json => ({ anyOf: [item, { type: 'array', items: item }] });
    const narrower = clone(NEW_TASK);
    fields(narrower)['priority']!['maximum'] = 9;
    const [before, after] = [NEW_TASK, narrower].map((item) =>
      documents.openApi(oneOrMany(item), TASK),
    );
    expect(breaksBetween(before!, after!)).toEqual([
      'POST /tasks, body application/json.priority: maximum 9, was maximum 10',
      'POST /tasks, body application/json[].priority: maximum 9, was maximum 10',
    ]);
  });

  it('comes to an end with schemas that contain themselves', () => {
    const tree = (value: Json): Json => ({
      type: 'object',
      properties: {
        value,
        children: { type: 'array', items: { $ref: '#/components/schemas/Task' } },
      },
      required: ['value'],
    });
    const [before, after] = [{ type: 'string' }, { type: 'integer' }].map((value) =>
      documents.openApi(NEW_TASK, tree(value)),
    );
    expect(breaksBetween(before!, after!)).toEqual([
      'POST /tasks, answer 201 application/json.value: type integer, was type string',
    ]);
  });
});

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ACCESS_EXTENSION } from '../access/access.decorators.js';
import { SESSION_COOKIE } from '../access/credentials.js';
import { VERSION } from '../version.js';
import { toOpenApiSchema } from './openapi-schemas.js';
import { verdict, problemOf } from './problem.js';

const DESCRIPTION = `Durable tasks, workflows, quota-aware providers and betting on Postgres and RabbitMQ.

Every path also answers without \`/api/v1\`. Errors are \`application/problem+json\` (RFC 9457).
A collection's POST takes one object or an array of up to 1,000, all or nothing.

The same service by message: [queues, routes and events](/api/asyncapi).`;

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Responses = Operation['responses'];

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const;

/** Problems that an operation can answer whatever its own rules are. */
const ANY_OPERATION = [400, 429, 500, 503];
const WITH_BODY = [413, 415, 422];
const WITH_PATH_PARAMETERS = [404];
/** Of an operation that asks for a right both. 403 is also the answer to a write by cookie from another site. */
const PROBLEMS_OF_ACCESS: Readonly<Record<string, readonly number[]>> = { public: [] };

/** The OpenAPI 3.1 document of the application; the same source always gives the same text. */
export function openApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Millrace')
    .setDescription(DESCRIPTION)
    .setVersion(VERSION)
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' }, 'bearer')
    .addCookieAuth(
      `__Host-${SESSION_COOKIE}`,
      {
        type: 'apiKey',
        in: 'cookie',
        description: `Set by a login; over plain HTTP on localhost it is named "${SESSION_COOKIE}".`,
      },
      'cookie',
    )
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    standardSchemaConverter: toOpenApiSchema,
    operationIdFactory: (controller, method) =>
      `${controller.replace(/Controller$/, '')}_${method}`,
  });
  const statuses = Object.values(document.paths).flatMap((path) =>
    METHODS.flatMap((method) => (path[method] ? documentOperation(path[method]) : [])),
  );
  const { openapi, info, ...rest } = document;
  return {
    openapi,
    info,
    ...rest,
    paths: sorted(document.paths),
    components: {
      ...document.components,
      schemas: sorted({ ...document.components?.schemas, Problem: PROBLEM_SCHEMA }),
      responses: Object.fromEntries(
        [...new Set(statuses)]
          .sort()
          .map((status) => [`Problem${status}`, problemResponse(status)]),
      ),
    },
  };
}

type Guarded = Operation & { [ACCESS_EXTENSION]?: string };

function documentOperation(operation: Guarded): number[] {
  const access = (operation[ACCESS_EXTENSION] ??= 'caller');
  operation.security = access === 'public' ? [] : [{ bearer: [] }, { cookie: [] }];
  return documentProblems(operation, PROBLEMS_OF_ACCESS[access] ?? [401, 403]);
}

/** Refers every problem of the operation to the shared component, and says which there are. */
function documentProblems(operation: Operation, more: readonly number[]): number[] {
  const declared = Object.keys(operation.responses).map(Number);
  const hasPathParameters = operation.parameters?.some((one) => 'in' in one && one.in === 'path');
  const statuses = new Set([
    ...declared.filter((status) => status >= 400),
    ...ANY_OPERATION,
    ...more,
    ...(operation.requestBody ? WITH_BODY : []),
    ...(hasPathParameters ? WITH_PATH_PARAMETERS : []),
  ]);
  const responses: Responses = { ...operation.responses };
  statuses.forEach((status) => {
    const own = responses[status];
    if (own && 'content' in own) return; // it answers this status with a body of its own
    responses[status] = { $ref: `#/components/responses/Problem${status}` };
  });
  operation.responses = sorted(responses);
  return [...statuses];
}

const FIELD_ERROR = {
  type: 'object' as const,
  required: ['field', 'message'],
  properties: {
    field: { type: 'string', example: '[3].priority' },
    message: { type: 'string', example: 'Too big: expected number to be <=10' },
  },
};

const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'trace_id'],
  properties: {
    type: { type: 'string', description: 'Stable name of the kind of problem; not a page to open' },
    title: { type: 'string' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'Path of the request' },
    trace_id: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    errors: { type: 'array', items: FIELD_ERROR },
  },
};

const EXAMPLE_TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';

function problemResponse(status: number) {
  const given = verdict(status);
  return {
    description: given.detail,
    ...('retry-after' in given.headers ? { headers: RETRY_AFTER } : {}),
    content: {
      'application/problem+json': {
        schema: { $ref: '#/components/schemas/Problem' },
        example: problemOf(given, '/api/v1/tasks', EXAMPLE_TRACE_ID),
      },
    },
  };
}

const RETRY_AFTER = {
  'Retry-After': { schema: { type: 'integer' as const, minimum: 1 }, description: 'Seconds' },
};

function sorted<Value>(record: Record<string, Value>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

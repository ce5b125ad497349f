import { z } from 'zod';
import type { EventContract } from '../event-contracts.js';
import { EventRoute } from '../event-route.js';
import type { Scope } from '../message.decorators.js';
import { HEADER } from '../message-headers.js';
import type { errorAnswer } from '../settlement.js';
import type { Message } from './asyncapi-types.js';
import type { HandlerParameters, NamedParameter } from './handler-parameters.js';
import { exampleOf, type JsonSchema, type Schemas, toJsonSchema } from './json-schemas.js';
import type { DescribedDoor } from './message-doors.js';

const EXAMPLE_ID = '019aa3a4-5b6c-7d8e-9f00-112233445566';

const TRACE_HEADERS: Schemas = {
  [HEADER.traceparent]: {
    type: 'string',
    description: 'W3C Trace Context: the trace that the message goes on with; default: a new one.',
    examples: [`00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`],
  },
  [HEADER.correlationId]: {
    type: 'string',
    description: 'Kept on everything that follows from the message; default: the id of the trace.',
    examples: ['order-17'],
  },
};

const CORRELATION_ID = { location: `$message.header#/${HEADER.correlationId}` };

/** A message that is sent to one route of a scope. */
export function commandMessageOf(
  { id, door, scope, summary }: DescribedDoor,
  { body, params, headers }: HandlerParameters,
  schemas: Schemas,
): Message {
  const inRoute = parametersIn(door.pattern);
  const named = [...params.filter(({ name }) => !inRoute.includes(name)), ...headers];
  return {
    name: id,
    title: `${scope.name}/${door.pattern}`,
    summary,
    ...contents(body),
    correlationId: CORRELATION_ID,
    ...withHeaders({
      properties: {
        [HEADER.route]: routeHeader(door.pattern, params),
        ...headerSchemas(named),
        ...orderHeader(scope),
      },
      required: [HEADER.route, ...requiredOf(named)],
      body,
      schemas,
    }),
  };
}

/** An event as a handler reads it. */
export function heardEventOf(
  { id, door, scope, summary }: DescribedDoor,
  { body, params, headers }: HandlerParameters,
  schemas: Schemas,
): Message {
  const route = new EventRoute(door.pattern);
  const named = [...params.filter(({ name }) => !route.parameters.includes(name)), ...headers];
  return {
    name: id,
    title: door.pattern,
    summary,
    ...contents(body),
    correlationId: CORRELATION_ID,
    ...withHeaders({
      properties: {
        ...cloudEventHeaders(route, params),
        ...headerSchemas(named),
        ...orderHeader(scope),
      },
      required: [...CLOUD_EVENT_REQUIRED, ...requiredOf(named)],
      body,
      schemas,
    }),
  };
}

/** An event as it is published; `params` are those of its route. */
export function publishedEventOf(
  { type, description }: Pick<EventContract, 'type' | 'description'>,
  { payload, params }: { payload: JsonSchema | undefined; params: readonly NamedParameter[] },
  schemas: Schemas,
): Message {
  const body = payload ?? {};
  return {
    name: type,
    title: type,
    summary: description,
    ...contents(body),
    correlationId: CORRELATION_ID,
    ...withHeaders({
      properties: cloudEventHeaders(new EventRoute(type), params),
      required: CLOUD_EVENT_REQUIRED,
      body,
      schemas,
    }),
  };
}

/** What a handler returns, as it is answered to a message with `reply-to`. */
export function replyMessageOf(
  id: string,
  title: string,
  answer: JsonSchema,
  schemas: Schemas,
): Message {
  return {
    name: `${id}_reply`,
    title: `Answer to ${title}`,
    summary: 'What the method returns, over HTTP and by message alike.',
    ...contents(answer),
    examples: [{ name: 'example', payload: exampleOf(answer, schemas) }],
  };
}

const errorSchema = z
  .object({
    error: z.object({
      code: z.string().meta({
        description:
          'The rule that was broken, `unreadable`, `rejected`, `http-` with a status, or `internal`.',
        examples: ['task-not-found'],
      }),
      message: z.string().meta({ examples: ['There is no such task.'] }),
    }),
  })
  .meta({ id: 'ErrorAnswer' }) satisfies z.ZodType<ReturnType<typeof errorAnswer>>;

/** What is answered instead when a message went to the dead letters; the same for all of them. */
export function errorReply(schemas: Schemas): Message {
  const payload = toJsonSchema(errorSchema, 'output', schemas) ?? {};
  return {
    name: 'error_reply',
    title: 'Error',
    summary: 'The answer to a message that went to the dead letters.',
    ...contents(payload),
    examples: [{ name: 'example', payload: exampleOf(payload, schemas) }],
  };
}

/** A whole segment: `{"cmd":"sum"}`, which Nest makes of an object, has none. */
export const ROUTE_PARAMETER = /(?<=^|\/):([^/]+)/g;

/** Names of the parameters in a route: `task_id` of `:task_id/cancel`. */
export function parametersIn(route: string): string[] {
  return [...route.matchAll(ROUTE_PARAMETER)].map(([, name = '']) => name);
}

/** The route as a sender writes it, each parameter an example of itself. */
export function exampleRoute(route: string, params: readonly NamedParameter[]): string {
  return route.replace(ROUTE_PARAMETER, (_, name: string) => {
    return encodeURIComponent(exampleValue(name, params));
  });
}

function exampleValue(name: string, params: readonly NamedParameter[]): string {
  const schema = params.find((param) => param.name === name)?.schema ?? { type: 'string' };
  return String(exampleOf(schema, {}));
}

function routeHeader(route: string, params: readonly NamedParameter[]): JsonSchema {
  if (parametersIn(route).length === 0)
    return { type: 'string', const: route, description: 'Names the handler.' };
  const pattern = route
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[^\w-]/g, '\\$&')));
  return {
    type: 'string',
    pattern: `^${pattern.join('/')}$`,
    description: `Names the handler: \`${route}\`, the values percent-encoded.`,
    examples: [exampleRoute(route, params)],
  };
}

function headerSchemas(named: readonly NamedParameter[]): Schemas {
  return Object.fromEntries(named.map(({ name, schema }) => [name, schema]));
}

function requiredOf(named: readonly NamedParameter[]): string[] {
  return named.filter(({ required }) => required).map(({ name }) => name);
}

const CLOUD_EVENT_REQUIRED = ['specversion', 'id', 'type', 'source', 'time'].map(
  (attribute) => `cloudEvents:${attribute}`,
);

/** CloudEvents 1.0 over AMQP in binary mode: the attributes are headers, the payload is the data alone. */
function cloudEventHeaders(route: EventRoute, params: readonly NamedParameter[]): Schemas {
  const values = route.parameters.map((name) => exampleValue(name, params));
  const key = route.routingKey(values);
  const [context = ''] = key.split('.', 1);
  const source = `/millrace/${context}`;
  return {
    'cloudEvents:specversion': { type: 'string', const: '1.0' },
    'cloudEvents:id': {
      type: 'string',
      description: 'The same on every redelivery: remember it, and a duplicate is recognised.',
      examples: [EXAMPLE_ID],
    },
    'cloudEvents:type': typeHeader(route, key),
    'cloudEvents:source': route.address.startsWith('{')
      ? { type: 'string', examples: [source] }
      : { type: 'string', const: source },
    'cloudEvents:time': {
      type: 'string',
      format: 'date-time',
      description: 'When it was committed.',
    },
    'cloudEvents:subject': {
      type: 'string',
      description: 'What it is about; events of one subject come in the order of their commits.',
      examples: [values.length > 0 ? values.join('/') : EXAMPLE_ID],
    },
  };
}

function typeHeader(route: EventRoute, example: string): JsonSchema {
  if (route.parameters.length === 0) return { type: 'string', const: example };
  const words = route.binding
    .split('.')
    .map((word) => (word === '*' ? '[^.]+' : word.replace(/[^\w-]/g, '\\$&')));
  return {
    type: 'string',
    pattern: `^${words.join('\\.')}$`,
    description: `\`${route.address}\`, the values percent-encoded, their dots too.`,
    examples: [example],
  };
}

/** Where order counts, senders say of what. */
function orderHeader({ ordered }: Scope): Schemas {
  if (!ordered) return {};
  const description =
    'Messages of one key are handled one after the other, as they came; default: `cloudEvents:subject`, without which there is no order.';
  return { [HEADER.key]: { type: 'string', description, examples: ['17'] } };
}

/** A handler that takes text takes it as it is; everything else is JSON. */
function contents(body: JsonSchema | undefined): Pick<Message, 'contentType' | 'payload'> {
  if (!body) return { contentType: 'application/json' };
  return {
    contentType: body['type'] === 'string' ? 'text/plain' : 'application/json',
    payload: body,
  };
}

function withHeaders(message: {
  properties: Schemas;
  required: readonly string[];
  body: JsonSchema | undefined;
  schemas: Schemas;
}): Pick<Message, 'headers' | 'examples'> {
  const { properties, required, body, schemas } = message;
  const headers = {
    type: 'object',
    properties: { ...properties, ...TRACE_HEADERS },
    required: [...required],
  };
  const example = Object.fromEntries(
    required.map((name) => [name, exampleOf(properties[name] ?? {}, schemas)]),
  );
  return {
    headers,
    examples: [
      {
        name: 'example',
        headers: example,
        ...(body ? { payload: exampleOf(body, schemas) } : {}),
      },
    ],
  };
}

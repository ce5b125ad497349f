import { resolved, type Schema } from './schema-gaps.ts';

/** One thing that goes in or out at an operation: a body, a parameter, the headers, an answer. */
export interface Part {
  /** Taken parts are sent by clients, given ones are read by them. */
  readonly direction: 'taken' | 'given';
  readonly required: boolean;
  /** Undefined: nothing is promised but that it is there. */
  readonly schema: Schema | undefined;
}

/** What a document promises: the parts of every operation, by names that clients see and no code names. */
export type Contract = ReadonlyMap<string, ReadonlyMap<string, Part>>;

interface ApiDocument {
  readonly paths?: Record<string, Record<string, Schema>>;
  readonly channels?: Record<string, Schema>;
  readonly operations?: Record<string, Schema>;
}

/** Reads an OpenAPI 3.1 or an AsyncAPI 3.0 document. */
export function contractOf(document: object): Contract {
  const { paths, channels, operations } = document as ApiDocument;
  if (paths) return httpContract(document, paths);
  return new Map([
    ...queueContract(channels ?? {}),
    ...messageContract(document, Object.entries(operations ?? {})),
  ]);
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

function httpContract(document: object, paths: Record<string, Record<string, Schema>>): Contract {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => METHODS.includes(method))
      .map(
        ([method, operation]) =>
          [
            `${method.toUpperCase()} ${path}`,
            new Map([
              ...parameterParts(document, operation),
              ...bodyParts(document, operation),
              ...answerParts(document, operation),
            ]),
          ] as const,
      ),
  );
  return new Map(operations);
}

function parameterParts(document: object, operation: Schema): [string, Part][] {
  const parameters = (operation['parameters'] ?? []) as Schema[];
  return parameters.map((reference) => {
    const parameter = resolved({ schema: reference, document }).schema;
    const name = `${text(parameter['in'])} parameter ${text(parameter['name'])}`;
    return [name, taken(parameter['schema'] as Schema, parameter['required'] === true)];
  });
}

function bodyParts(document: object, operation: Schema): [string, Part][] {
  if (!operation['requestBody']) return [];
  const body = resolved({ schema: operation['requestBody'] as Schema, document }).schema;
  return contentOf(body).map(([type, schema]) => [
    `body ${type}`,
    taken(schema, body['required'] === true),
  ]);
}

function answerParts(document: object, operation: Schema): [string, Part][] {
  const responses = (operation['responses'] ?? {}) as Record<string, Schema>;
  return Object.entries(responses).flatMap(([status, reference]): [string, Part][] => {
    const answer = resolved({ schema: reference, document }).schema;
    return [
      [`answer ${status}`, given(undefined)],
      ...contentOf(answer).map(([type, schema]): [string, Part] => [
        `answer ${status} ${type}`,
        given(schema),
      ]),
      ...Object.keys(answer['headers'] ?? {}).map((name): [string, Part] => [
        `answer ${status} header ${name}`,
        given(undefined),
      ]),
    ];
  });
}

function contentOf(holder: Schema): [string, Schema][] {
  const content = (holder['content'] ?? {}) as Record<string, { schema?: Schema }>;
  return Object.entries(content).map(([type, { schema = {} }]) => [type, schema]);
}

/** A queue is promised with its name and with what it is declared with. */
function queueContract(channels: Record<string, Schema>): [string, Map<string, Part>][] {
  return Object.values(channels).flatMap((channel): [string, Map<string, Part>][] => {
    const amqp = (channel['bindings'] as { amqp?: Schema } | undefined)?.amqp;
    if (!amqp?.['x-arguments']) return [];
    const argument = given({ const: JSON.stringify(amqp['x-arguments']) });
    return [[`queue ${text(channel['address'])}`, new Map([['arguments', argument]])]];
  });
}

/** Operations are known by the address; where two share one (two scopes hear an event), also by their own name. */
function messageContract(
  document: object,
  operations: readonly [string, Schema][],
): [string, Map<string, Part>][] {
  const named = operations.map(([id, operation]) => {
    const channel = resolved({ schema: operation['channel'] as Schema, document }).schema;
    const verb = operation['action'] === 'receive' ? 'message to' : 'event';
    return { id, operation, name: `${verb} ${text(channel['address'])}` };
  });
  return named.map(({ id, operation, name }) => {
    const shared = named.filter((other) => other.name === name).length > 1;
    return [shared ? `${name} (${id})` : name, operationParts(document, operation)];
  });
}

function operationParts(document: object, operation: Schema): Map<string, Part> {
  const reply = operation['reply'] as Schema | undefined;
  const part = operation['action'] === 'receive' ? taken : given;
  return new Map([
    ...messageParts(document, operation, '', part),
    ...(reply ? messageParts(document, reply, 'reply ', given) : []),
  ]);
}

/** The first message needs no name, so that others (an error besides the answer) may join it without a break. */
function messageParts(
  document: object,
  holder: Schema,
  prefix: string,
  part: (schema: Schema | undefined) => Part,
): [string, Part][] {
  const references = (holder['messages'] ?? []) as Schema[];
  return references.flatMap((reference, index): [string, Part][] => {
    const message = resolved({ schema: reference, document }).schema;
    const which = index > 0 ? `${prefix}${text(message['name'])} ` : prefix;
    return [
      [`${which}payload`, part((message['payload'] ?? {}) as Schema)],
      [`${which}headers`, part((message['headers'] ?? {}) as Schema)],
      [`${which}content type`, part({ const: message['contentType'] })],
    ];
  });
}

function taken(schema: Schema | undefined, required = true): Part {
  return { direction: 'taken', required, schema };
}

function given(schema: Schema | undefined): Part {
  return { direction: 'given', required: true, schema };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

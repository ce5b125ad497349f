import { toOpenApiSchema } from '../../http/openapi-schemas.js';

export type JsonSchema = Record<string, unknown>;

/** Schemas with a name, as they stand below `components.schemas`. */
export type Schemas = Record<string, JsonSchema>;

/** A zod schema as the OpenAPI document has it; the named ones in it are added to `schemas`. Undefined for anything else. */
export function toJsonSchema(
  schema: unknown,
  schemaType: 'input' | 'output',
  schemas: Schemas,
): JsonSchema | undefined {
  const converted = toOpenApiSchema(schema, { schemaType });
  if (!converted) return undefined;
  Object.assign(schemas, converted.components);
  return converted.schema as JsonSchema;
}

const REFERENCE = '#/components/schemas/';
const MAX_DEPTH = 12;

/** The schema itself, or the named one that it refers to. */
export function resolved(schema: JsonSchema, schemas: Schemas): JsonSchema {
  const { $ref } = schema;
  if (typeof $ref !== 'string') return schema;
  return schemas[$ref.slice(REFERENCE.length)] ?? {};
}

/**
 * A value that fits the schema: the first of its own examples, else one put together from its parts. Patterns and
 * uncommon formats need an example of their own.
 */
export function exampleOf(schema: JsonSchema, schemas: Schemas, depth = 0): unknown {
  const own = resolved(schema, schemas);
  const [given] = givenValues(own);
  if (given !== undefined) return given;
  if (depth > MAX_DEPTH) return null;
  const alternative = (own['anyOf'] ?? own['oneOf']) as JsonSchema[] | undefined;
  if (alternative?.[0]) return exampleOf(alternative[0], schemas, depth + 1);
  if (own['type'] === 'array') return exampleOfArray(own, schemas, depth);
  if (own['properties']) return exampleOfObject(own, schemas, depth);
  return plainExample(own);
}

function givenValues(schema: JsonSchema): unknown[] {
  const list = (keyword: string) => (schema[keyword] ?? []) as unknown[];
  return [
    ...list('examples'),
    ...['example', 'const', 'default'].map((keyword) => schema[keyword]),
    ...list('enum'),
  ].filter((value) => value !== undefined);
}

function exampleOfArray(schema: JsonSchema, schemas: Schemas, depth: number): unknown[] {
  const { items } = schema;
  return items ? [exampleOf(items as JsonSchema, schemas, depth + 1)] : [];
}

/** What may be left out is shown where it has an example of its own. */
function exampleOfObject(schema: JsonSchema, schemas: Schemas, depth: number): object {
  const required = (schema['required'] ?? []) as string[];
  const shown = Object.entries(schema['properties'] as Schemas).filter(
    ([name, inner]) => required.includes(name) || 'examples' in resolved(inner, schemas),
  );
  return Object.fromEntries(
    shown.map(([name, inner]) => [name, exampleOf(inner, schemas, depth + 1)]),
  );
}

const FORMATS: Readonly<Record<string, string>> = {
  uuid: '019aa3a4-5b6c-7d8e-9f00-112233445566',
  'date-time': '2025-11-21T09:30:00.000Z',
  date: '2025-11-21',
  uri: 'https://example.com/',
  email: 'somebody@example.com',
};

function plainExample(schema: JsonSchema): unknown {
  const { type } = schema;
  switch (Array.isArray(type) ? (type as unknown[])[0] : type) {
    case 'string':
      return (
        FORMATS[String(schema['format'])] ?? 'text'.padEnd(Number(schema['minLength'] ?? 0), '.')
      );
    case 'integer':
    case 'number':
      return Math.max(Number(schema['minimum'] ?? 1), 1);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return {};
  }
}

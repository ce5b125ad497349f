import { isDeepStrictEqual } from 'node:util';
import type { StandardSchemaConverter } from '@nestjs/swagger';
import { z } from 'zod';

type Json = Record<string, unknown>;
type Direction = 'input' | 'output';

const COMPONENTS = '#/components/schemas/';

/**
 * Turns zod schemas into OpenAPI 3.1 schemas. A schema with `.meta({ id })` becomes a component of that name;
 * where what is sent differs from what is answered (defaults, transforms), the sent form is named `<id>Input`.
 */
export const toOpenApiSchema: StandardSchemaConverter = (schema, { schemaType }) => {
  if (!(schema instanceof z.ZodType)) return undefined;
  const converted = convert(schema, schemaType);
  const renamed =
    schemaType === 'input'
      ? differing(converted.components, convert(schema, 'output').components)
      : [];
  const name = (id: string) => (renamed.includes(id) ? `${id}Input` : id);
  return {
    schema: relink(converted.schema, name),
    components: Object.fromEntries<unknown>(
      Object.entries(converted.components).map(([id, component]) => [
        name(id),
        relink(component, name),
      ]),
    ),
  };
};

function convert(
  schema: z.ZodType,
  io: Direction,
): { schema: Json; components: Record<string, Json> } {
  const {
    $schema: _dialect,
    $defs,
    ...root
  } = z.toJSONSchema(schema, {
    io,
    target: 'draft-2020-12',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'date') Object.assign(jsonSchema, INSTANT);
      if (jsonSchema.format === 'uuid') delete jsonSchema.pattern; // says nothing more, in 200 characters
    },
  }) as Json & { $defs?: Record<string, Json> };
  const components = Object.fromEntries(
    Object.entries($defs ?? {}).map(([id, component]) => [id, withoutId(component)]),
  );
  const id = schema.meta()?.id;
  if (id === undefined || '$ref' in root) return { schema: root, components };
  return {
    schema: { $ref: `#/$defs/${id}` },
    components: { ...components, [id]: withoutId(root) },
  };
}

const INSTANT = { type: 'string', format: 'date-time' };

function withoutId({ id: _id, ...component }: Json): Json {
  return component;
}

/** Components that are sent otherwise than answered, themselves or in a component they refer to. */
function differing(input: Record<string, Json>, output: Record<string, Json>): string[] {
  const different = new Set<string>();
  const isDifferent = (id: string) =>
    !isDeepStrictEqual(input[id], output[id]) ||
    [...different].some((other) => JSON.stringify(input[id]).includes(`"#/$defs/${other}"`));
  for (let before = -1; before !== different.size;) {
    before = different.size;
    Object.keys(input)
      .filter(isDifferent)
      .forEach((id) => different.add(id));
  }
  return [...different];
}

function relink(value: unknown, name: (id: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => relink(item, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === '$ref' && typeof inner === 'string'
        ? [key, COMPONENTS + name(inner.replace('#/$defs/', ''))]
        : [key, relink(inner, name)],
    ),
  );
}

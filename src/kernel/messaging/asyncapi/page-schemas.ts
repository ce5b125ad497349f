import { html, type Html, inline } from '../../http/html.js';
import type { JsonSchema, Schemas } from './json-schemas.js';

const REFERENCE = '#/components/schemas/';
const LIMITS: Readonly<Record<string, string>> = {
  minimum: '≥',
  maximum: '≤',
  exclusiveMinimum: '>',
  exclusiveMaximum: '<',
  minLength: 'length ≥',
  maxLength: 'length ≤',
  minItems: 'items ≥',
  maxItems: 'items ≤',
};

/** A schema for readers: its fields as a table, those of objects within it as tables inside. */
export function schemaTable(schema: JsonSchema): Html {
  const properties = (schema['properties'] ?? {}) as Schemas;
  const alternatives = (schema['anyOf'] ?? schema['oneOf'] ?? []) as JsonSchema[];
  const required = (schema['required'] ?? []) as string[];
  if (Object.keys(properties).length > 0) {
    const rows = Object.entries(properties).map(([name, field]) =>
      fieldRow(name, field, required.includes(name)),
    );
    return html`<div class="wide">
      <table>
        ${rows}
      </table>
    </div>`;
  }
  if (alternatives.some((one) => 'properties' in one)) {
    return html`<div>One of:</div>
      ${alternatives.map(schemaTable)}`;
  }
  return html`<p>${typeOf(schema)} ${remarks(schema)}</p>`;
}

function fieldRow(name: string, field: JsonSchema, required: boolean): Html {
  const inner = innerObject(field);
  return html`<tr>
      <td><code>${name}</code>${required ? html` <span class="required">required</span>` : ''}</td>
      <td>${typeOf(field)}</td>
      <td>${remarks(field)}</td>
    </tr>
    ${
      inner
        ? html`<tr class="inner">
            <td colspan="3">${schemaTable(inner)}</td>
          </tr>`
        : ''
    }`;
}

/** The object inside of a field that is one, may be one, or is a list of them. */
function innerObject(field: JsonSchema): JsonSchema | undefined {
  if ('properties' in field) return field;
  const items = field['items'] as JsonSchema | undefined;
  if (items && 'properties' in items) return items;
  return ((field['anyOf'] ?? []) as JsonSchema[]).find((one) => 'properties' in one);
}

/** A schema in a few words: a link to a named one, else its type. */
export function typeOf(schema: JsonSchema): Html {
  const { $ref, type, items } = schema;
  if (typeof $ref === 'string') {
    const name = $ref.slice(REFERENCE.length);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  const alternatives = (schema['anyOf'] ?? schema['oneOf'] ?? []) as JsonSchema[];
  if (alternatives.length > 0) {
    return html`${alternatives.map((one, index) => html`${index > 0 ? ' or ' : ''}${typeOf(one)}`)}`;
  }
  if (type === 'array') return html`list of ${typeOf((items ?? {}) as JsonSchema)}`;
  return html`${plainType(schema)}`;
}

function plainType({ type, format, ...rest }: JsonSchema): string {
  if (type === undefined) return 'const' in rest || 'enum' in rest ? 'one of' : 'any';
  const name = Array.isArray(type) ? type.join(' or ') : text(type);
  return typeof format === 'string' ? `${name} (${format})` : name;
}

function remarks(schema: JsonSchema): Html {
  const { description, pattern, enum: values } = schema;
  const limits = Object.entries(LIMITS).flatMap(([keyword, sign]) =>
    isTelling(schema[keyword]) ? [`${sign} ${text(schema[keyword])}`] : [],
  );
  const said = [
    ...(typeof description === 'string' ? [inline(description)] : []),
    ...('const' in schema ? [html`always <code>${text(schema['const'])}</code>`] : []),
    ...(Array.isArray(values) ? [html`<code>${values.map(text).join(' · ')}</code>`] : []),
    ...(limits.length > 0 ? [html`${limits.join(', ')}`] : []),
    ...(typeof pattern === 'string' ? [html`<code>${pattern}</code>`] : []),
    ...('default' in schema ? [html`default <code>${text(schema['default'])}</code>`] : []),
  ];
  return html`${said.map((one) => html`<div>${one}</div>`)}`;
}

/** JSON Schema states the bounds of a double as limits of every integer. */
function isTelling(limit: unknown): boolean {
  return limit !== undefined && Math.abs(Number(limit)) !== Number.MAX_SAFE_INTEGER;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A JSON Schema as the documents hold it, references included. */
export type Schema = Readonly<Record<string, unknown>>;

/** A schema together with the document that its references point into. */
export interface Located {
  readonly schema: Schema;
  readonly document: object;
}

/** A value may fit `narrow` and not `wide`, because the one says this and the other that. */
export interface Gap {
  /** Path of the field, such as `.items[].priority`; empty for the whole. */
  readonly at: string;
  readonly narrow: string;
  readonly wide: string;
}

export interface Rules {
  /**
   * Whether a field that `wide` does not know is a gap where it refuses such fields. Where not, a field that `narrow`
   * no longer has is one, required or not: its readers are to ignore what is new, not to miss what was there.
   */
  readonly unknownFieldsHurt: boolean;
  /** Pairs of references that are being compared, so that recursive schemas come to an end. */
  readonly trail?: readonly string[];
}

const LOWER = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
const SAME = ['pattern', 'format', 'multipleOf', 'uniqueItems', 'contentEncoding'];

/**
 * Why a value that fits `narrow` might not fit `wide`; empty when every one does. It knows the keywords that zod
 * writes, and takes any difference in a `pattern` or a `format` for a gap. Throws for a reference that leads nowhere.
 */
export function gapsBetween(narrow: Located, wide: Located, rules: Rules): Gap[] {
  const step = `${text(narrow.schema['$ref'])} ${text(wide.schema['$ref'])}`;
  const { trail = [] } = rules;
  if ('$ref' in narrow.schema || '$ref' in wide.schema) {
    if (trail.includes(step)) return [];
    const next = { ...rules, trail: [...trail, step] };
    return gapsBetween(resolved(narrow), resolved(wide), next);
  }
  return isAny(wide.schema)
    ? []
    : (partGaps(narrow, wide, rules) ?? plainGaps(narrow, wide, rules));
}

/** Schemas that are made of others: each alternative must fit one of the other's, and all of its parts. */
function partGaps(narrow: Located, wide: Located, rules: Rules): Gap[] | undefined {
  const of = (one: Located, schemas: readonly Schema[]) =>
    schemas.map((schema) => ({ schema, document: one.document }));
  const each = alternativesOf(narrow.schema);
  if (each) return of(narrow, each).flatMap((one) => gapsBetween(one, wide, rules));
  const choices = alternativesOf(wide.schema);
  if (choices) return fewest(of(wide, choices).map((one) => gapsBetween(narrow, one, rules)));
  const all = wide.schema['allOf'] as Schema[] | undefined;
  if (all) return of(wide, all).flatMap((one) => gapsBetween(narrow, one, rules));
  const parts = narrow.schema['allOf'] as Schema[] | undefined;
  return parts && fewest(of(narrow, parts).map((one) => gapsBetween(one, wide, rules)));
}

function plainGaps(narrow: Located, wide: Located, rules: Rules): Gap[] {
  const wrongType = typeGaps(narrow.schema, wide.schema);
  if (wrongType.length > 0) return wrongType;
  return [
    ...valueGaps(narrow.schema, wide.schema),
    ...limitGaps(narrow.schema, wide.schema),
    ...itemGaps(narrow, wide, rules),
    ...missingFields(narrow.schema, wide.schema, rules),
    ...fieldGaps(narrow, wide, rules),
    ...restGaps(narrow, wide, rules),
  ];
}

/** The schema itself in place of references to it. */
export function resolved({ schema, document }: Located): Located {
  const { $ref } = schema;
  if (typeof $ref !== 'string') return { schema, document };
  const keys = $ref.replace(/^#\//, '').split('/');
  const target = keys
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
  if (typeof target !== 'object' || target === null) throw new Error(`${$ref} leads nowhere`);
  return resolved({ schema: target as Schema, document });
}

function isAny(schema: Schema): boolean {
  const constraints = ['type', 'enum', 'const', 'anyOf', 'oneOf', 'allOf', 'properties', 'items'];
  return !constraints.some((keyword) => keyword in schema);
}

function alternativesOf(schema: Schema): Schema[] | undefined {
  return (schema['anyOf'] ?? schema['oneOf']) as Schema[] | undefined;
}

/** The choice that was meant: one of another type altogether is the last to be told of. */
function fewest(all: readonly Gap[][]): Gap[] {
  const cost = (gaps: readonly Gap[]) =>
    gaps.length +
    (gaps.some(({ at, narrow }) => at === '' && narrow.startsWith('type ')) ? 1_000 : 0);
  return all.reduce((best, next) => (cost(next) < cost(best) ? next : best), all[0] ?? []);
}

function typeGaps(narrow: Schema, wide: Schema): Gap[] {
  const allowed = typesOf(wide);
  const given = typesOf(narrow);
  const fits = (type: string) =>
    allowed?.includes(type) || (type === 'integer' && allowed?.includes('number'));
  if (!allowed || given?.every(fits)) return [];
  const said = (types: string[] | undefined) => `type ${types?.join(' or ') ?? 'any'}`;
  return [{ at: '', narrow: said(given), wide: said(allowed) }];
}

function typesOf(schema: Schema): string[] | undefined {
  const { type } = schema;
  if (Array.isArray(type)) return type as string[];
  if (typeof type === 'string') return [type];
  const values = valuesOf(schema);
  return values && [...new Set(values.map((value) => (value === null ? 'null' : typeof value)))];
}

function valuesOf(schema: Schema): unknown[] | undefined {
  if ('const' in schema) return [schema['const']];
  return schema['enum'] as unknown[] | undefined;
}

function valueGaps(narrow: Schema, wide: Schema): Gap[] {
  const allowed = valuesOf(wide)?.map(text);
  const given = valuesOf(narrow)?.map(text);
  if (!allowed || given?.every((value) => allowed.includes(value))) return [];
  const said = (values: string[] | undefined) => values?.join(' | ') ?? 'any value';
  return [{ at: '', narrow: said(given), wide: said(allowed) }];
}

function limitGaps(narrow: Schema, wide: Schema): Gap[] {
  const isWithin = (keyword: string): boolean => {
    const [given, limit] = [narrow[keyword], wide[keyword]];
    if (SAME.includes(keyword)) return given === limit;
    if (typeof given !== 'number' || typeof limit !== 'number') return false;
    return LOWER.includes(keyword) ? given >= limit : given <= limit;
  };
  return [...LOWER, ...UPPER, ...SAME]
    .filter((keyword) => keyword in wide && !isWithin(keyword))
    .map((keyword) => ({
      at: '',
      narrow: `${keyword} ${text(narrow[keyword] ?? 'none')}`,
      wide: `${keyword} ${text(wide[keyword])}`,
    }));
}

function itemGaps(narrow: Located, wide: Located, rules: Rules): Gap[] {
  const items = wide.schema['items'] as Schema | undefined;
  if (!items) return [];
  const given = (narrow.schema['items'] ?? {}) as Schema;
  return within('[]', gapsBetween({ ...narrow, schema: given }, { ...wide, schema: items }, rules));
}

/** Fields that `wide` has and that a value of `narrow` may lack. */
function missingFields(narrow: Schema, wide: Schema, { unknownFieldsHurt }: Rules): Gap[] {
  const given = fieldsOf(narrow);
  const names = [...new Set([...Object.keys(fieldsOf(wide)), ...requiredOf(wide)])];
  return names.flatMap((name) => {
    const required = requiredOf(wide).includes(name);
    if (requiredOf(narrow).includes(name) || (!required && (unknownFieldsHurt || name in given)))
      return [];
    return [
      {
        at: `.${name}`,
        narrow: name in given ? 'optional' : 'absent',
        wide: required ? 'required' : 'optional',
      },
    ];
  });
}

function fieldGaps(narrow: Located, wide: Located, rules: Rules): Gap[] {
  const known = fieldsOf(wide.schema);
  return Object.entries(fieldsOf(narrow.schema)).flatMap(([name, schema]) => {
    const other = known[name] ?? restOf(wide.schema);
    if (other !== false)
      return within(
        `.${name}`,
        gapsBetween({ ...narrow, schema }, { ...wide, schema: other }, rules),
      );
    return rules.unknownFieldsHurt ? [{ at: `.${name}`, narrow: 'optional', wide: 'refused' }] : [];
  });
}

/** Fields without a name of their own, as in records. */
function restGaps(narrow: Located, wide: Located, rules: Rules): Gap[] {
  const [given, allowed] = [restOf(narrow.schema), restOf(wide.schema)];
  if (given === false || allowed === false || isAny(allowed)) return [];
  return within(
    '.*',
    gapsBetween({ ...narrow, schema: given }, { ...wide, schema: allowed }, rules),
  );
}

function fieldsOf(schema: Schema): Record<string, Schema> {
  return (schema['properties'] ?? {}) as Record<string, Schema>;
}

function requiredOf(schema: Schema): string[] {
  return (schema['required'] ?? []) as string[];
}

function restOf(schema: Schema): Schema | false {
  const rest = schema['additionalProperties'];
  if (rest === false) return false;
  return typeof rest === 'object' && rest !== null ? (rest as Schema) : {};
}

function within(prefix: string, gaps: readonly Gap[]): Gap[] {
  return gaps.map((gap) => ({ ...gap, at: prefix + gap.at }));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : String(JSON.stringify(value));
}

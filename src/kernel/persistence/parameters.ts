/** JSON escapes control characters and lone surrogates, and Postgres does not know these escapes. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const ESCAPED_BY_JSON_ALONE = /[\u0000-\u001f\ud800-\udfff]/;

/**
 * The parameters of a statement in the notation of Postgres: arrays as array literals, instants in ISO 8601, other
 * objects as JSON, bytes and nulls as they are. Throws a `TypeError` that names the place of what has none: `$2`, or
 * `$2[1]` in an array.
 */
export function toWire(parameters: readonly unknown[]): (string | Buffer | null)[] {
  return parameters.map((value, parameter) =>
    Array.isArray(value) ? arrayLiteral(value, parameter) : scalar(value, parameter),
  );
}

/**
 * `JSON.stringify` is native and makes one flat string, where element by element a quarter of all memory went that the
 * program allocated under load. Its notation differs from that of array literals in control characters only.
 */
function arrayLiteral(values: readonly unknown[], parameter: number): string {
  const notation = (value: unknown, element: number) => scalar(value, parameter, element);
  if (values.every(isPlain)) {
    const hasInstants = values.some((value) => value instanceof Date);
    const json = JSON.stringify(hasInstants ? values.map(notation) : values);
    return `{${json.slice(1, -1)}}`;
  }
  const elements = values.map((value, element) => {
    const text = notation(value, element);
    if (text === null) return 'NULL';
    const written = typeof text === 'string' ? text : `\\x${text.toString('hex')}`;
    return `"${written.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
  });
  return `{${elements.join(',')}}`;
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'object') return value === null || value instanceof Date;
  if (typeof value === 'number') return Number.isFinite(value); // JSON has no word for the others
  if (typeof value === 'string') return !ESCAPED_BY_JSON_ALONE.test(value);
  return typeof value === 'boolean' || value === undefined;
}

function scalar(value: unknown, parameter: number, element?: number): string | Buffer | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (value instanceof Date) return instant(value, parameter, element);
  if (typeof value === 'object') return JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') {
    return String(value);
  }
  throw noNotation(`A ${typeof value}`, parameter, element);
}

function noNotation(what: string, parameter: number, element: number | undefined): TypeError {
  const inArray = element === undefined ? '' : `[${String(element + 1)}]`;
  return new TypeError(
    `${what} cannot be a parameter of a statement: $${String(parameter + 1)}${inArray}`,
  );
}

let lastAt = Number.NaN;
let lastText = '';

/** The rows of a batch mostly carry the same instant, and to write one takes as long as the rest of its row. */
function instant(value: Date, parameter: number, element: number | undefined): string {
  const at = value.getTime();
  if (Number.isNaN(at)) throw noNotation('An invalid Date', parameter, element);
  if (at !== lastAt) {
    lastText = notationOf(value);
    lastAt = at;
  }
  return lastText;
}

/** Postgres takes years of more than four digits without a sign, and writes those before the year 1 as BC. */
function notationOf(value: Date): string {
  const [, sign, year = '', rest = ''] = /^([+-]?)(\d+)(.*)$/.exec(value.toISOString()) ?? [];
  if (sign === '+') return `${String(Number(year))}${rest}`;
  if (sign !== '-' && Number(year) > 0) return `${year}${rest}`;
  return `${String(Number(year) + 1).padStart(4, '0')}${rest} BC`;
}

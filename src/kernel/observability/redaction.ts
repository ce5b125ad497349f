import { types } from 'node:util';

export const REDACTED = '[redacted]';
const MAX_DEPTH = 8;
const MAX_ITEMS = 100;

const SECRET_KEY =
  /authorization|cookie|passw|passphrase|pwd|secret|apikey|privatekey|credential|jwt|dsn|otp$/;
/** Also the name of things that are counted, so only texts and structures under it are hidden. */
const TOKEN_KEY = /token/;

/**
 * Secrets inside running text; each pattern keeps what leads up to the secret as `$1`. Repetitions are bounded, so
 * that a hostile text of n characters costs O(n).
 */
const SECRET_TEXTS = [
  // the password of a URL: postgres://user:password@host
  /(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@"']{0,128}:)[^\s"']{0,512}(?=@)/gi,
  /(\bbearer\s{1,4})[\w.~+/=-]{6,}/gi,
  // with a digit, capital or padding, or every "basic settings" would be hidden
  /(\b[Bb]asic\s{1,4})(?=[\w+/-]{0,256}[A-Z0-9=])[\w+/=-]{6,}/g,
  /()\beyJ[\w-]{1,512}\.[\w-]{1,4096}\.[\w-]*/g,
  // password=x, "api_key": "x", inside messages and quoted bodies
  /((?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|credentials?)\w{0,32}\\?["']?\s{0,4}[=:]\s{0,4}\\?["']?)(?!\[redacted)[^\s"'\\,;&)}]+/gi,
  /(\b(?:set-cookie|cookie|authorization)\\?["']?\s{0,4}[=:]\s{0,4}\\?["']?)(?!\[redacted)[^"'\\\r\n}]+/gi,
];
/** Most texts hold none of these, and are then passed on untouched. */
const SUSPICIOUS =
  /:\/\/|bearer|basic|eyJ|passw|passphrase|pwd|secret|token|api[_-]?key|credential|cookie|authorization/i;

/** Hides passwords, tokens and cookies inside a text: of URLs, headers, assignments, quoted JSON. */
export function redactText(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  return SECRET_TEXTS.reduce((cleaned, pattern) => cleaned.replace(pattern, `$1${REDACTED}`), text);
}

/**
 * A copy that is safe to log: secrets are hidden by the names of their keys at any depth and by their form inside
 * texts; errors are reduced to what explains them; depth and length are bounded. Never throws.
 */
export function redact(value: unknown): unknown {
  try {
    return copy(value, 0);
  } catch (error) {
    return `[unloggable: ${error instanceof Error ? error.name : typeof error}]`;
  }
}

/** Parses JSON without its secrets. Unlike {@link redact} it cuts nothing off. Throws a `SyntaxError` for what is no JSON. */
export function parseRedacted(json: string): unknown {
  return JSON.parse(json, (key, value: unknown) => {
    if (hides(key, value)) return REDACTED;
    return typeof value === 'string' ? redactText(value) : value;
  });
}

function copy(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (Array.isArray(value)) {
    return value.slice(0, MAX_ITEMS).map((item) => copy(item, depth + 1));
  }
  return copyObject(value, depth);
}

function copyObject(value: object, depth: number): unknown {
  if (types.isNativeError(value) || value instanceof Error) return copyError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    return copy((value.toJSON as () => unknown)(), depth + 1);
  }
  if (value instanceof Map) return copyObject(Object.fromEntries(value) as object, depth);
  if (value instanceof Set) return copy([...(value as Set<unknown>)], depth);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      hides(key, item) ? REDACTED : copy(item, depth + 1),
    ]),
  );
}

function hides(key: string, value: unknown): boolean {
  if (value === null || value === undefined) return false;
  const name = key.toLowerCase().replace(/[-_\s]/g, '');
  if (SECRET_KEY.test(name)) return true;
  return TOKEN_KEY.test(name) && typeof value !== 'number' && typeof value !== 'boolean';
}

/** An error's own properties may hold parameters of a statement or a whole response, so only these are kept. */
function copyError(error: Error, depth: number): object {
  const kept: Record<string, unknown> = {
    type: error.name,
    message: redactText(error.message),
    stack: error.stack && redactText(error.stack),
  };
  for (const key of ['code', 'constraint', 'status', 'cause', 'errors'] as const) {
    const value: unknown =
      key in error ? (error as Error & Record<typeof key, unknown>)[key] : undefined;
    if (value !== undefined) kept[key] = copy(value, depth + 1);
  }
  return kept;
}

/** What a provider tells in its answers: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers (10). */
export interface ToldLimits {
  readonly remaining: number;
  readonly limit: number | null;
  readonly resetMs: number | null;
}

/** Longer than that nobody waits for a provider, whatever it says. */
const MAX_WAIT_MS = 86_400_000;

const SECONDS = /^-?\d{1,15}$/;

/** One item of a list of RFC 9651: a string or token with parameters. */
const ITEM =
  /^\s*("(?:[^"\\]|\\.)*"|[A-Za-z*][\w!#$%&'*+.^`|~:/-]*)((?:\s*;\s*[a-z*][\w.*-]*(?:=[^;,\s]*)?)*)\s*$/;

/**
 * `Retry-After` of RFC 9110 as a duration: seconds or a date. 0 for what lies in the past, a day at most, `null` for
 * what is neither.
 */
export function retryAfterMs(value: string | undefined, now: number): number | null {
  const text = value?.trim() ?? '';
  if (SECONDS.test(text)) return within(Number(text) * 1_000);
  // Dates begin with a name of a day; Date.parse alone takes almost anything for a date.
  const at = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : within(at - now);
}

/**
 * What `RateLimit` and `RateLimit-Policy` tell about the limit of a period; `null` when they are missing, malformed, or
 * tell of other limits only.
 */
export function toldLimits(
  rateLimit: string | undefined,
  policy: string | undefined,
  periodMs: number,
): ToldLimits | null {
  const items = list(rateLimit);
  const policies = list(policy);
  const isOurs = ({ name }: Item): boolean => {
    const window = policies.find((one) => one.name === name)?.parameters['w'];
    if (window === undefined) return items.length === 1;
    return Math.abs(window * 1_000 - periodMs) < 1_000;
  };
  const item = items.find(isOurs);
  const remaining = item?.parameters['r'];
  if (!item || remaining === undefined) return null;
  const limit = policies.find(({ name }) => name === item.name)?.parameters['q'] ?? null;
  if (limit !== null && (limit === 0 || remaining > limit)) return null;
  const seconds = item.parameters['t'];
  return {
    remaining,
    limit,
    resetMs: seconds === undefined ? null : within(seconds * 1_000),
  };
}

/** Nobody has so much to say about limits. */
const MAX_LENGTH = 1_000;

interface Item {
  readonly name: string;
  /** Those that are whole numbers of at least 0. */
  readonly parameters: Readonly<Record<string, number>>;
}

/** A list that is malformed anywhere is malformed as a whole (RFC 9651, 4.2). */
function list(value: string | undefined): Item[] {
  if (value === undefined || value.length > MAX_LENGTH) return [];
  const parts = value.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  if (parts.join(',') !== value) return []; // something between two commas, or a string, has no end
  const items = parts.map(parse);
  return items.every((item) => item !== undefined) ? items : [];
}

function parse(text: string): Item | undefined {
  const [, name, rest] = ITEM.exec(text) ?? [];
  if (name === undefined) return undefined;
  const parameters: Record<string, number> = {};
  for (const parameter of rest?.split(';') ?? []) {
    const [key = '', number = ''] = parameter.trim().split('=');
    if (/^\d{1,15}$/.test(number)) parameters[key] = Number(number);
  }
  return { name: name.replace(/^"|"$/g, ''), parameters };
}

function within(ms: number): number {
  return Math.max(0, Math.min(MAX_WAIT_MS, ms));
}

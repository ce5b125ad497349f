/** A route of which two messages could not tell which one they mean. Thrown at boot. */
export class AmbiguousRouteError extends Error {
  override readonly name = 'AmbiguousRouteError';
  constructor(scope: string, first: string, second: string) {
    super(`Scope "${scope}": the routes "${first}" and "${second}" match the same messages`);
  }
}

interface Entry<T> {
  readonly route: string;
  readonly segments: readonly string[];
  readonly target: T;
}

export interface Match<T> {
  readonly route: string;
  readonly params: Readonly<Record<string, string>>;
  readonly target: T;
}

/**
 * Routes of one scope, compiled at boot. Of two routes that match, the one with more literal segments wins;
 * two that could match the same path without one being the more literal everywhere are refused.
 */
export class RouteTable<T> {
  readonly #literal = new Map<string, Match<T>>();
  readonly #patterns: Entry<T>[] = [];

  constructor(
    private readonly scope: string,
    /** What stands between segments. Default: a slash. */
    private readonly separator: string | RegExp = '/',
  ) {}

  get routes(): readonly string[] {
    return [...this.#literal.keys(), ...this.#patterns.map((entry) => entry.route)];
  }

  /** Throws {@link AmbiguousRouteError}. */
  add(route: string, target: T): void {
    const segments = this.#split(route);
    if (!segments.some(isParam)) {
      const path = segments.join('/');
      if (this.#literal.has(path)) throw new AmbiguousRouteError(this.scope, route, route);
      this.#literal.set(path, { route, params: {}, target });
      return;
    }
    const rival = this.#patterns.find((entry) => ambiguous(entry.segments, segments));
    if (rival) throw new AmbiguousRouteError(this.scope, rival.route, route);
    this.#patterns.push({ route, segments, target });
    this.#patterns.sort((a, b) => literals(b.segments) - literals(a.segments));
  }

  /**
   * The route for a path such as `create` or `019…/cancel`; parameter values are percent-decoded. Undefined when there
   * is none, or when a value is no percent-encoding.
   */
  match(path: string): Match<T> | undefined {
    const asWritten = this.#literal.get(path);
    if (asWritten) return asWritten;
    const segments = this.#split(path);
    const literal = this.#literal.get(segments.join('/'));
    if (literal) return literal;
    const entry = this.#patterns.find((candidate) => matches(candidate.segments, segments));
    const params = entry && readParams(entry.segments, segments);
    return entry && params && { route: entry.route, target: entry.target, params };
  }

  #split(path: string): string[] {
    return path.split(this.separator).filter((segment) => segment !== '');
  }
}

function isParam(segment: string): boolean {
  return segment.startsWith(':');
}

function literals(segments: readonly string[]): number {
  return segments.filter((segment) => !isParam(segment)).length;
}

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((segment, index) => isParam(segment) || segment === path[index])
  );
}

function ambiguous(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  const overlap = a.every(
    (segment, index) => isParam(segment) || isParam(b[index] ?? '') || segment === b[index],
  );
  if (!overlap) return false;
  const narrower = (x: readonly string[], y: readonly string[]) =>
    x.every((segment, index) => !isParam(segment) || isParam(y[index] ?? '')) &&
    literals(x) > literals(y);
  return !narrower(a, b) && !narrower(b, a);
}

function readParams(
  pattern: readonly string[],
  path: readonly string[],
): Record<string, string> | undefined {
  try {
    const named = pattern.map((segment, index) => [segment.slice(1), path[index] ?? ''] as const);
    const values = named.filter((_, index) => isParam(pattern[index] ?? ''));
    return Object.fromEntries(values.map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

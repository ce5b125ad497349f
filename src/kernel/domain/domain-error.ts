/** How a broken rule is answered: HTTP maps it to a status, messaging to a dead letter. */
export type DomainErrorKind =
  | 'malformed'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'too-large'
  | 'invalid'
  | 'too-many'
  | 'unavailable';

/** One wrong field: its path (`payload`, `items[3].priority`, `query.cursor`) and what to do about it. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

export interface DomainErrorDetails {
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  /** Further members of the problem document, in snake_case: what a program needs to go on, as a new price. */
  readonly members?: Readonly<Record<string, unknown>>;
}

/**
 * A broken rule that the caller can understand. Throwing one rolls the Unit of Work back.
 * `code` is kebab-case and stable: it is the last part of the problem type and a metric label.
 * Repeating the same request gives the same error, so a message that causes one is never retried
 * (except `unavailable` and `too-many`, which pass).
 */
export class DomainError extends Error {
  override readonly name: string = 'DomainError';
  constructor(
    readonly kind: DomainErrorKind,
    readonly code: string,
    message: string,
    readonly details: DomainErrorDetails = {},
  ) {
    super(message);
  }

  /** True when the same request may succeed later without being changed. */
  get passes(): boolean {
    return this.kind === 'unavailable' || this.kind === 'too-many';
  }
}

/** Where an item stands in its request: `[3]`, or nothing if it is alone. */
export function placeIn(items: readonly unknown[], index: number): string {
  return items.length === 1 ? '' : `[${String(index)}]`;
}

/** The path of a field of the item that stands at `place`: `[3].priority`, or `priority` where the item is alone. */
export function fieldAt(place: string, name: string): string {
  return place ? `${place}.${name}` : name;
}

/** What the work answers, or the rule that it broke. What is no broken rule is thrown on. */
export function outcomeOf<T>(work: () => T): T | DomainError {
  try {
    return work();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

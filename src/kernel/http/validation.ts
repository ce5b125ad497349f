import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { DomainError, type FieldError } from '../domain/domain-error.js';

/** Enough to repair a request by; a bulk body may break a rule a thousand times. */
const MAX_ERRORS = 100;

type Issue = z.core.$ZodIssue;
type Source = 'body' | 'query' | 'param';

/** A body, query or path parameter that breaks its schema, with every wrong field as the client wrote it. */
export class ValidationError extends DomainError {
  override readonly name = 'ValidationError';
  constructor(source: Source, errors: readonly FieldError[]) {
    const [first] = errors;
    const summary = first ? `${first.field}: ${first.message}` : 'The input is not valid.';
    super(source === 'body' ? 'invalid' : 'malformed', `invalid-${CODES[source]}`, summary, {
      errors,
    });
  }
}

const CODES: Record<Source, string> = { body: 'body', query: 'query', param: 'path' };
const PREFIXES: Record<Source, string> = { body: '', query: 'query', param: 'params' };

/**
 * Validates whatever is declared with a schema (`@Body({ schema })`, `@Query({ schema })`, `@Param('id', { schema })`),
 * of HTTP requests and of messages, and hands on the parsed value. Throws {@link ValidationError}; a body that is
 * missing altogether is malformed, because there is nothing in it to be invalid.
 */
@Injectable()
export class SchemaPipe implements PipeTransform {
  async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    const { schema, type, data } = metadata;
    if (!schema || type === 'custom') return value;
    const result = await schema['~standard'].validate(value);
    if (!result.issues) return result.value;
    if (type === 'body' && value === undefined) {
      throw new DomainError('malformed', 'missing-body', 'A JSON body is required.');
    }
    const within = data ? [PREFIXES[type], data] : [PREFIXES[type]];
    throw new ValidationError(
      type,
      fieldErrors(result.issues as readonly Issue[], fieldName('', within.filter(Boolean)), value),
    );
  }
}

/** Turns the issues of a schema into field errors below `parent`, at most a hundred. */
export function fieldErrors(
  issues: readonly Issue[],
  parent: string,
  input: unknown,
): readonly FieldError[] {
  return issues.flatMap((issue) => flatten(issue, parent, input)).slice(0, MAX_ERRORS);
}

function flatten(issue: Issue, parent: string, input: unknown): FieldError[] {
  const field = fieldName(parent, issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: fieldName(field, [key]),
      message: 'There is no such field',
    }));
  }
  if (issue.code === 'invalid_union') {
    const branch = likeliest(issue.errors, valueAt(input, issue.path));
    if (branch) return branch.flatMap((inner) => flatten(inner, field, undefined));
  }
  return [{ field: field || 'body', message: issue.message }];
}

/**
 * The alternative of a union that the client meant: the one that accepted the value's outer type and complains
 * only about something inside it. A tie or a value of a foreign type leaves it open.
 */
function likeliest(branches: readonly Issue[][], value: unknown): Issue[] | undefined {
  const inside = branches.filter((branch) => !branch.some(isWrongOuterType));
  if (inside.length === 1) return inside[0];
  return Array.isArray(value) ? inside.find((branch) => branch.every(startsWithIndex)) : undefined;
}

const isWrongOuterType = (issue: Issue): boolean =>
  issue.path.length === 0 && issue.code === 'invalid_type';

const startsWithIndex = (issue: Issue): boolean => typeof issue.path[0] === 'number';

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined,
    input,
  );
}

/** `[3].priority`, `query.cursor`, `payload.items[0]`. */
function fieldName(parent: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name}[${key}]`;
    return name === '' ? String(key) : `${name}.${String(key)}`;
  }, parent);
}

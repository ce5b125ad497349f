import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DomainError } from '../domain/domain-error.js';

/** Deeper than any document of ours; recursive code behind the parser is safe at this depth. */
const MAX_DEPTH = 64;

const OPENING = /[[{]/g;
/** The escapes of U+0000 and of surrogates; raw ones cannot come out of UTF-8. */
const SUSPICIOUS_ESCAPE = /\\u(0000|d[89a-f])/i;

/** From 17 characters on a number may have more digits than a double keeps. */
const LONG_NUMBER = /[\d.]{17}/;
const MAX_NUMBER_LENGTH = 16;

/**
 * Bodies of this route keep what they say: a number too long to be kept exactly arrives as its text, so that a schema of
 * decimals can refuse it instead of taking the number next to it. Over HTTP only.
 */
export function ExactNumbers(): MethodDecorator {
  return RouteConfig({ exactNumbers: true });
}

type Done = (error: Error | null, body?: unknown) => void;

/**
 * JSON is the only language of the API: every other content type is answered 415. Bodies nested deeper than 64
 * levels, with `__proto__` or `constructor.prototype` keys, or with texts that Postgres cannot hold are refused
 * as malformed; an empty body is no body.
 */
export function useJsonBodies(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body as string;
    if (text === '') {
      done(null, undefined);
      return;
    }
    if (isTooDeep(text)) {
      done(malformed('too-deep', `JSON may be nested ${MAX_DEPTH} levels deep, no deeper.`));
      return;
    }
    void parse(request, text, ((error, value) => {
      if (error) done(syntaxProblem(text));
      else if (SUSPICIOUS_ESCAPE.test(text) && !isStorable(value)) done(unstorable());
      else done(null, isExact(request) && LONG_NUMBER.test(text) ? withLongNumbers(text) : value);
    }) as Done);
  });
}

function isExact({ routeOptions }: FastifyRequest): boolean {
  return (routeOptions.config as { exactNumbers?: boolean }).exactNumbers === true;
}

/** The text has been parsed before, so it is JSON and has no forbidden keys. */
function withLongNumbers(text: string): unknown {
  const keep = (_key: string, value: unknown, context?: { readonly source: string }): unknown => {
    const isLong = typeof value === 'number' && (context?.source.length ?? 0) > MAX_NUMBER_LENGTH;
    return isLong ? context?.source : value;
  };
  return JSON.parse(text, keep);
}

/** Most bodies do not have enough brackets to be too deep; only the others are read by hand. */
export function isTooDeep(text: string): boolean {
  return hasManyOpenings(text) && depthOf(text) > MAX_DEPTH;
}

function hasManyOpenings(text: string): boolean {
  OPENING.lastIndex = 0;
  for (let count = 0; count <= MAX_DEPTH; count += 1) {
    if (!OPENING.test(text)) return false;
  }
  return true;
}

/** Stops as soon as the limit is passed. */
function depthOf(text: string): number {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length && depth <= MAX_DEPTH; index += 1) {
    const char = text.charCodeAt(index);
    if (inString) {
      if (char === BACKSLASH) index += 1;
      else if (char === QUOTE) inString = false;
    } else if (char === QUOTE) inString = true;
    else depth += step(char);
  }
  return depth;
}

const QUOTE = 34;
const BACKSLASH = 92;

function step(char: number): number {
  if (char === 91 || char === 123) return 1;
  return char === 93 || char === 125 ? -1 : 0;
}

function syntaxProblem(text: string): DomainError {
  try {
    JSON.parse(text);
    return malformed(
      'forbidden-key',
      'The keys __proto__ and constructor.prototype are not accepted.',
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unexpected text';
    return malformed('invalid-json', `The body is not JSON: ${reason}`);
  }
}

function unstorable(): DomainError {
  return malformed('unstorable-text', 'A text holds U+0000 or half of a surrogate pair.');
}

/** Whether Postgres can hold all texts of a value of JSON. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, inner]) => isStorable(key) && isStorable(inner));
}

function malformed(code: string, message: string): DomainError {
  return new DomainError('malformed', code, message);
}

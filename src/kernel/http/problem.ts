import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { DomainError, type DomainErrorKind, type FieldError } from '../domain/domain-error.js';
import { isTransient, sqlState } from '../persistence/postgres-errors.js';

/** The body of every 4xx and 5xx answer (RFC 9457), sent as `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly trace_id: string;
  readonly errors?: readonly FieldError[];
}

/** What an error says to the client, before it is known which request it answers. */
export interface Verdict {
  readonly status: number;
  /** Kebab-case and stable; the last part of the problem's `type`. */
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** Members of the document beyond those of every problem. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  /** True for what the operator must hear of; the client only learns the trace id. */
  readonly unexpected: boolean;
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8';

const STATUS_OF: Record<DomainErrorKind, number> = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  invalid: 422,
  'too-many': 429,
  unavailable: 503,
};

/** Named where the status text alone would not be the code, so that types stay the same over Node's versions. */
const CODE_OF: Record<number, string> = {
  400: 'malformed-request',
  401: 'unauthenticated',
  413: 'too-large',
  422: 'invalid',
  429: 'too-many-requests',
  431: 'headers-too-large',
  500: 'internal-error',
  503: 'unavailable',
};

/** What is said where nothing more exact is known, and in the documentation. */
const DETAIL_OF: Record<number, string> = {
  400: 'The request cannot be read: broken JSON, path or query.',
  401: 'Nobody is logged in.',
  403: 'The caller may not do this.',
  404: 'There is no such thing.',
  405: 'The method is not possible here; `Allow` names those that are.',
  408: 'The request did not arrive in time.',
  409: 'The state of the thing does not allow this.',
  413: 'The body is larger than the 4 MiB that are accepted.',
  414: 'A part of the path is too long.',
  415: 'The body must be JSON: send `content-type: application/json`.',
  422: 'The body is JSON, but a field breaks a rule; `errors` names each.',
  429: 'Too many requests.',
  431: 'The headers are too large.',
  500: 'Something broke on our side. Tell us the trace_id.',
  503: 'The service cannot answer now; try again.',
};

/** Seconds a client is told to wait when the error does not know better. */
const RETRY_AFTER_SECONDS = 1;

/** Maps any thrown value to an answer. Never throws, and never quotes an unexpected error to the client. */
export function verdictOn(error: unknown): Verdict {
  if (error instanceof DomainError) return ofDomainError(error);
  if (error instanceof HttpException) return ofHttpException(error);
  const clientStatus = clientErrorStatus(error);
  if (clientStatus !== undefined) return verdict(clientStatus);
  if (isTextThatPostgresCannotHold(error)) {
    return verdict(400, { detail: 'A text holds a character that cannot be stored (U+0000).' });
  }
  if (isDatabaseTrouble(error)) {
    return verdict(503, { code: 'database-unavailable', unexpected: true });
  }
  return verdict(500, { unexpected: true });
}

export function verdict(status: number, more: Partial<Verdict> = {}): Verdict {
  return {
    status,
    code: CODE_OF[status] ?? kebab(STATUS_CODES[status] ?? 'error'),
    detail: DETAIL_OF[status] ?? `${STATUS_CODES[status] ?? 'Error'}.`,
    unexpected: false,
    ...more,
    headers: { ...headersFor(status), ...more.headers },
  };
}

export function problemOf(given: Verdict, instance: string, traceId: string): Problem {
  const { status, code, detail, errors, members } = given;
  return {
    ...members,
    type: `/problems/${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    instance,
    trace_id: traceId,
    ...(errors && errors.length > 0 ? { errors } : {}),
  };
}

function ofDomainError({ kind, code, message, details }: DomainError): Verdict {
  const status = STATUS_OF[kind];
  const { errors, members, retryAfterSeconds } = details;
  return verdict(status, {
    code,
    detail: message,
    ...(errors ? { errors } : {}),
    ...(members ? { members } : {}),
    ...(retryAfterSeconds === undefined ? {} : { headers: retryAfter(retryAfterSeconds) }),
  });
}

/** Nest's own exceptions, and Fastify's errors, which arrive wrapped in one with the original as `cause`. */
function ofHttpException(error: HttpException): Verdict {
  const status = error.getStatus();
  const ours = error.cause === undefined && status < 500;
  return verdict(status, {
    ...(ours ? { detail: messageOf(error) } : {}),
    unexpected: status === 500,
  });
}

function messageOf(error: HttpException): string {
  const response = error.getResponse();
  if (typeof response === 'string') return response;
  const { message } = response as { message?: unknown };
  if (Array.isArray(message)) return message.join('; ');
  return typeof message === 'string' ? message : error.message;
}

/** Plain errors that Fastify marks as the client's fault, such as an upload that broke off. */
function clientErrorStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  const { statusCode } = error;
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500
    ? statusCode
    : undefined;
}

/** SQLSTATE classes 08 (connection), 53 (resources), 57 (shutdown, statement timeout) and a lock not had in time. */
const POSTGRES_TROUBLE = /^(08...|53...|57...|55P03)$/;
const SOCKET_TROUBLE = /^(ECONN(REFUSED|RESET)|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN)$/;
/** `pg` gives these errors no code. */
const DRIVER_TROUBLE =
  /^(timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Cannot use a pool after calling end)/;

function isDatabaseTrouble(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return (
    isTransient(error) ||
    POSTGRES_TROUBLE.test(state) ||
    SOCKET_TROUBLE.test(state) ||
    (error instanceof Error && DRIVER_TROUBLE.test(error.message))
  );
}

function isTextThatPostgresCannotHold(error: unknown): boolean {
  const state = sqlState(error);
  return state === '22021' || state === '22P05';
}

function headersFor(status: number): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer' };
  return status === 429 || status === 503 ? retryAfter(RETRY_AFTER_SECONDS) : {};
}

function retryAfter(seconds: number): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil(seconds))) };
}

function kebab(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

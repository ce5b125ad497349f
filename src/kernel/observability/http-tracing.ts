import type { Span } from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { JsonLines } from './logger.js';
import type { Metrics } from './metrics.js';
import { continueTrace, currentContext, runWithContext } from './trace-context.js';
import type { TraceContext } from './trace-context.js';
import { isTracing, runInSpan, startSpan } from './tracing.js';

const CORRELATION_HEADER = 'x-correlation-id';
const SLOW_MS = 1_000;

declare module 'fastify' {
  interface FastifyRequest {
    /** For hooks after the answer, which run outside of the request's own context. */
    traceContext: TraceContext | undefined;
    span: Span | undefined;
  }
}

/**
 * Runs every request inside its trace: continues `traceparent`, takes or makes `X-Correlation-Id` and returns it,
 * and opens a server span if spans are recorded. Body parsing, hooks and handlers all run in the context. Call it
 * before other hooks are added, so that what they log or refuse is traceable; a second call changes nothing.
 */
export function registerHttpTracing(fastify: FastifyInstance): void {
  if (fastify.hasRequestDecorator('traceContext')) return;
  fastify.decorateRequest('traceContext', undefined);
  fastify.decorateRequest('span', undefined);
  fastify.addHook('onRequest', (request, reply, done) => {
    const { headers } = request;
    const caller = continueTrace(
      single(headers['traceparent']),
      single(headers[CORRELATION_HEADER]),
      single(headers['tracestate']),
    );
    reply.header(CORRELATION_HEADER, caller.correlationId);
    runWithContext(caller, () => {
      if (isTracing()) enterServerSpan(request, done);
      else enter(request, done);
    });
  });
  fastify.addHook('preValidation', (request, _reply, done) => {
    reenter(request, done);
  });
  fastify.addHook('onError', (request, _reply, _error, done) => {
    reenter(request, done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    endServerSpan(request, reply);
    done();
  });
}

/** A header sent several times has no single value to continue. */
function single(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

function enter(request: FastifyRequest, done: () => void): void {
  request.traceContext = currentContext();
  done();
}

/**
 * The socket emits the body outside of the request's async context, so whatever follows the body parser has to come
 * back into it. (Binding the request's events instead would cost 15 µs, this costs 2.)
 */
function reenter({ traceContext, span }: FastifyRequest, done: () => void): void {
  if (!traceContext || currentContext() === traceContext) done();
  else runWithContext(traceContext, () => (span ? runInSpan(span, done) : done()));
}

function enterServerSpan(request: FastifyRequest, done: () => void): void {
  const route = request.routeOptions.url;
  const span = startSpan(route ? `${request.method} ${route}` : request.method, 'server', {
    'http.request.method': request.method,
    ...(route === undefined ? {} : { 'http.route': route }),
    'url.path': request.url.split('?', 1)[0] ?? '',
    'url.scheme': request.protocol,
  });
  request.span = span;
  runInSpan(span, () => enter(request, done));
}

function endServerSpan({ span }: FastifyRequest, { statusCode }: FastifyReply): void {
  if (!span) return;
  span.setAttribute('http.response.status_code', statusCode);
  if (statusCode >= 500) span.setStatus({ code: 2 });
  span.end();
}

/**
 * Measures every answer as `http_request_duration_seconds`, and writes the access log: at info what was slow (over
 * 1 s) or failed (5xx), at debug the rest.
 */
export function registerHttpTelemetry(
  fastify: FastifyInstance,
  metrics: Metrics,
  logger: JsonLines,
): void {
  const duration = metrics.histogram(
    'http_request_duration_seconds',
    'From the first byte of a request to the last byte of its answer, by route template.',
    ['method', 'route', 'status_class'],
  );
  fastify.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const route = request.routeOptions.url ?? 'unknown';
    const statusClass = `${Math.floor(reply.statusCode / 100)}xx`;
    duration.observe({ method, route, status_class: statusClass }, reply.elapsedTime / 1_000);
    const level = reply.elapsedTime > SLOW_MS || reply.statusCode >= 500 ? 'info' : 'debug';
    if (logger.isLevelEnabled(level)) writeAccess(logger, level, request, reply);
    done();
  });
}

function writeAccess(
  logger: JsonLines,
  level: 'info' | 'debug',
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const write = (): void =>
    logger[level](
      {
        context: 'Http',
        method: request.method,
        path: request.url.split('?', 1)[0], // a query may hold what logs must not
        route: request.routeOptions.url,
        status: reply.statusCode,
        duration_ms: Math.round(reply.elapsedTime * 10) / 10,
      },
      'request answered',
    );
  if (request.traceContext) runWithContext(request.traceContext, write);
  else write();
}

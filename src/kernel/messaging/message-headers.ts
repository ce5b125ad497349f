import { type TraceContext, traceIdOf } from '../observability/trace-context.js';

/** Names of the headers that Millrace itself reads and writes. Foreign senders need only `route`. */
export const HEADER = {
  /** The route inside the scope, such as `create` or `019…/cancel`; set by senders. */
  route: 'route',
  /** `Bearer <token>`: who sends it, where a route asks for that. It never reaches a handler or the dead letters. */
  authorization: 'authorization',
  /** Messages of one key are handled in order by scopes that are ordered. */
  key: 'x-key',
  subject: 'cloudEvents:subject',
  attempt: 'x-attempt',
  firstAt: 'x-first-at',
  error: 'x-error',
  /** When the message became a dead letter. */
  diedAt: 'x-died-at',
  /** How often it was a dead letter and was sent to its queue again. */
  redrives: 'x-redrives',
  correlationId: 'x-correlation-id',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
} as const;

/** Foreign clients write it in any case. */
export function credentialsIn(headers: Readonly<Record<string, string>>): string | undefined {
  const name = nameOfCredentials(headers);
  return name === undefined ? undefined : headers[name];
}

/** The headers without who sent them. Costs next to nothing where that is not said. */
export function withoutCredentials<Value>(
  headers: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> {
  const name = nameOfCredentials(headers);
  if (name === undefined) return headers;
  const { [name]: _credentials, ...others } = headers;
  return withoutCredentials(others);
}

function nameOfCredentials(headers: object): string | undefined {
  const { length } = HEADER.authorization;
  for (const name in headers) {
    if (name.length === length && name.toLowerCase() === HEADER.authorization) return name;
  }
  return undefined;
}

/** The headers that carry a trace on; the correlation id only where it is not the trace id, its default. */
export function contextHeaders(context: TraceContext | undefined): Record<string, string> {
  if (!context) return {};
  const { traceparent, tracestate, correlationId } = context;
  return {
    [HEADER.traceparent]: traceparent,
    ...(tracestate === undefined ? {} : { [HEADER.tracestate]: tracestate }),
    ...(correlationId === traceIdOf(traceparent) ? {} : { [HEADER.correlationId]: correlationId }),
  };
}

/** Names of the headers that Millrace itself reads and writes. Foreign senders need only `route`. */
export const HEADER = {
  /** The route inside the scope, such as `create` or `019…/cancel`; set by senders. */
  route: 'route',
  attempt: 'x-attempt',
  firstAt: 'x-first-at',
  error: 'x-error',
  correlationId: 'x-correlation-id',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
} as const;

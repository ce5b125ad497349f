import { AsyncLocalStorage } from 'node:async_hooks';
import { randomFillSync } from 'node:crypto';
import { context, isSpanContextValid, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { SpanContext } from '@opentelemetry/api';

/** What a request, a message or a job carries with it, to be found again in logs, problems and messages. */
export interface TraceContext {
  /** W3C trace context, always valid: the span that is open here, or the sender's if none is recorded here. */
  readonly traceparent: string;
  /** Vendors' part of the trace, passed on untouched. */
  readonly tracestate?: string;
  /** The caller's name for the whole piece of business; the trace id if the caller gave none. */
  readonly correlationId: string;
  /** The trace began here, so its first span has no parent. */
  readonly begun?: true;
}

/** `<version>-<trace id>-<span id>-<flags>`, and what versions after 00 may append. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;
const TRACEPARENT_LENGTH = 55;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
const SAMPLED = 1;
/** Space excluded: an id with spaces would fall apart in greps and headers. */
const CORRELATION_ID = /^[\x21-\x7e]{1,128}$/;
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

const storage = new AsyncLocalStorage<TraceContext>();

/** Random bytes are drawn in bulk, because one call of the generator costs more than the whole rest of a trace. */
const pool = Buffer.allocUnsafe(16_384);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = pool.toString('hex', used, used + bytes);
  used += bytes;
  return hex;
}

export function newTraceId(): string {
  const id = randomHex(16);
  return id === NO_TRACE ? newTraceId() : id;
}

export function newSpanId(): string {
  const id = randomHex(8);
  return id === NO_SPAN ? newSpanId() : id;
}

/**
 * Reads a `traceparent` header by the rules of W3C Trace Context: lower-case hex, ids that are not all zero,
 * version 00 exactly, later versions by their first four fields, never version ff. Anything else: undefined.
 */
export function parseTraceparent(header: string | undefined): SpanContext | undefined {
  if (header === undefined || !TRACEPARENT.test(header)) return undefined;
  const version = header.slice(0, 2);
  const isLonger = header.length > TRACEPARENT_LENGTH;
  if (version === 'ff' || (version === '00' && isLonger)) return undefined;
  const traceId = traceIdOf(header);
  const spanId = header.slice(36, 52);
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  const traceFlags = Number.parseInt(header.slice(53, TRACEPARENT_LENGTH), 16) & SAMPLED;
  return { traceId, spanId, traceFlags, isRemote: true };
}

/** Writes version 00; of the flags only "sampled" is ours to pass on. */
export function formatTraceparent(span: SpanContext): string {
  const flags = (span.traceFlags & SAMPLED) === SAMPLED ? '01' : '00';
  return `00-${span.traceId}-${span.spanId}-${flags}`;
}

/** The trace id inside a valid traceparent. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

/**
 * The context of whoever called us, from the headers of a request or message; a new trace where `traceparent`
 * is missing or malformed (then `tracestate` is dropped with it). A correlation id that is not 1 to 128 visible
 * ASCII characters is replaced by the trace id. Never throws.
 */
export function continueTrace(
  traceparent?: string,
  correlationId?: string,
  tracestate?: string,
): TraceContext {
  const caller = parseTraceparent(traceparent);
  if (!caller) return beginTrace(correlationId);
  const own = {
    traceparent: formatTraceparent(caller),
    correlationId: validCorrelationId(correlationId) ?? caller.traceId,
  };
  return tracestate !== undefined && TRACESTATE.test(tracestate) ? { ...own, tracestate } : own;
}

function beginTrace(correlationId: string | undefined): TraceContext {
  const traceId = newTraceId();
  return {
    traceparent: `00-${traceId}-${newSpanId()}-01`,
    correlationId: validCorrelationId(correlationId) ?? traceId,
    begun: true,
  };
}

function validCorrelationId(given: string | undefined): string | undefined {
  return given !== undefined && CORRELATION_ID.test(given) ? given : undefined;
}

/**
 * Runs `fn` in the context, through every await inside it. The given context wins: an OpenTelemetry span of
 * somebody else that happens to be open around the call is hidden from `fn`.
 */
export function runWithContext<T>(traceContext: TraceContext, fn: () => T): T {
  const open = activeSpan();
  const parent = open && parseTraceparent(traceContext.traceparent);
  if (!parent || parent.spanId === open.spanId) return storage.run(traceContext, fn);
  const otel = trace.setSpanContext(ROOT_CONTEXT, parent);
  return context.with(otel, () => storage.run(traceContext, fn));
}

/** The context of the running request, message or job; undefined outside of them. */
export function currentContext(): TraceContext | undefined {
  return storage.getStore();
}

/** Trace id of the active OpenTelemetry span, else of the current context; undefined outside of both. */
export function currentTraceId(): string | undefined {
  const span = activeSpan();
  if (span) return span.traceId;
  const current = storage.getStore();
  return current && traceIdOf(current.traceparent);
}

/**
 * The `traceparent` for a message or request that leaves from here, so that its receiver becomes a child: the
 * active OpenTelemetry span, else the current context, else a new trace. Where no span is recorded the caller's
 * ids pass through unchanged (W3C Trace Context 3.3), so that a tracer before us and one behind us still meet
 * and no span has a parent that nobody ever recorded.
 */
export function childTraceparent(): string {
  const span = activeSpan();
  if (span) return formatTraceparent(span);
  return storage.getStore()?.traceparent ?? continueTrace().traceparent;
}

/** The open OpenTelemetry span. Without an SDK in the process this costs two property reads. */
export function activeSpan(): SpanContext | undefined {
  const span = trace.getActiveSpan()?.spanContext();
  return span && isSpanContextValid(span) ? span : undefined;
}

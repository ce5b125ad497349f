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
}

/** Length of `00-<trace id>-<span id>-<flags>`; later versions may append fields after it. */
const TRACEPARENT_LENGTH = 55;
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
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
  if (header === undefined || header.length < TRACEPARENT_LENGTH) return undefined;
  const [, version, traceId = '', spanId = '', flags = ''] =
    TRACEPARENT.exec(header.slice(0, TRACEPARENT_LENGTH)) ?? [];
  if (version === undefined || version === 'ff') return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  if (header.length > TRACEPARENT_LENGTH && !hasLaterFields(version, header)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & SAMPLED, isRemote: true };
}

function hasLaterFields(version: string, header: string): boolean {
  return version !== '00' && header[TRACEPARENT_LENGTH] === '-';
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
  const traceId = caller?.traceId ?? newTraceId();
  const own = {
    traceparent: caller ? formatTraceparent(caller) : `00-${traceId}-${newSpanId()}-01`,
    correlationId:
      correlationId !== undefined && CORRELATION_ID.test(correlationId) ? correlationId : traceId,
  };
  return caller && tracestate !== undefined && TRACESTATE.test(tracestate)
    ? { ...own, tracestate }
    : own;
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

/** Without an SDK in the process this is two property reads. */
function activeSpan(): SpanContext | undefined {
  const span = trace.getActiveSpan()?.spanContext();
  return span && isSpanContextValid(span) ? span : undefined;
}

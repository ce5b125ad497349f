import { Logger } from '@nestjs/common';
import {
  context,
  diag,
  DiagLogLevel,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import type { TracerProvider } from '@opentelemetry/sdk-trace';
import type { Env } from '../env.js';
import { redactText } from './redaction.js';
import { tracePostgres } from './sql-spans.js';
import {
  activeSpan,
  continueTrace,
  currentContext,
  formatTraceparent,
  newSpanId,
  newTraceId,
  parseTraceparent,
  runWithContext,
  traceIdOf,
} from './trace-context.js';

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

const EXPORT_TIMEOUT_MS = 3_000;
const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

interface Running {
  readonly provider: TracerProvider;
  readonly tracer: Tracer;
  readonly restorePostgres: () => void;
}

/** One per process, as the OpenTelemetry API itself. */
let running: Running | undefined;
let begunTraceId: string | undefined;

/**
 * Starts the export of spans over OTLP if an endpoint is set; the SDK is loaded only then. A second call changes
 * nothing. Spans are sent in the background in batches: an unreachable collector costs dropped spans (reported
 * in the log), never a request.
 */
export async function startTracing(
  env: Pick<Env, 'OTEL_EXPORTER_OTLP_ENDPOINT' | 'OTEL_SERVICE_NAME'>,
): Promise<void> {
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (running || !endpoint) return;
  const { TracerProvider, BatchSpanProcessor } = await import('@opentelemetry/sdk-trace');
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-proto');
  const { defaultResource, resourceFromAttributes } = await import('@opentelemetry/resources');
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks');
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new TracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({ 'service.name': env.OTEL_SERVICE_NAME }),
    ),
    idGenerator: { generateTraceId: () => begunTraceId ?? newTraceId(), generateSpanId: newSpanId },
    spanProcessors: [
      // A second of full load fits into the queue, so that bursts are not dropped.
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: 32_768,
        maxExportBatchSize: 2_048,
        scheduledDelayMillis: 1_000,
      }),
    ],
  });
  reportToLog();
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  running = {
    provider,
    tracer: provider.getTracer('millrace'),
    restorePostgres: tracePostgres(withSpan),
  };
}

/** Are spans recorded in this process? */
export function isTracing(): boolean {
  return running !== undefined;
}

/** Sends what is recorded and stops recording. For the end of a process or test. */
export async function stopTracing(): Promise<void> {
  if (!running) return;
  const { provider, restorePostgres } = running;
  running = undefined;
  restorePostgres();
  trace.disable();
  context.disable();
  diag.disable();
  await provider.shutdown();
}

/** Sends the spans recorded so far; resolves after 3 s at the latest, with a warning if some could not be sent. */
export async function flushSpans(): Promise<void> {
  try {
    await running?.provider.forceFlush({ timeoutMillis: EXPORT_TIMEOUT_MS });
  } catch (error) {
    new Logger('Tracing').warn({ err: error }, 'some spans could not be exported');
  }
}

/**
 * Starts a span under the given traceparent, else under the active span, else under the current context. The
 * caller must `end()` it. Without an endpoint this is a shared span that does nothing.
 */
export function startSpan(
  name: string,
  kind: keyof typeof KINDS,
  attributes: Attributes = {},
  traceparent?: string,
): Span {
  if (!running) return NO_SPAN;
  const options = { kind: KINDS[kind], attributes };
  const current = currentContext();
  if (traceparent === undefined && current?.begun && !activeSpan()) {
    begunTraceId = traceIdOf(current.traceparent);
    const span = running.tracer.startSpan(name, options, ROOT_CONTEXT);
    begunTraceId = undefined;
    return span;
  }
  return running.tracer.startSpan(name, options, parentOf(traceparent ?? current?.traceparent));
}

/** The active span stands above the context that was left when it was opened. */
function parentOf(traceparent: string | undefined): Context {
  const active = activeSpan();
  const given = parseTraceparent(traceparent);
  if (!given || given.spanId === active?.spanId) return context.active();
  return trace.setSpanContext(ROOT_CONTEXT, given);
}

/** Runs `fn` with the span as the parent of everything inside it: spans, logs, and messages that leave. */
export function runInSpan<T>(span: Span, fn: () => T): T {
  const opened = span.spanContext();
  if (span === NO_SPAN) return fn();
  const { begun: _, ...outer } = currentContext() ?? continueTrace(formatTraceparent(opened));
  const inner = { ...outer, traceparent: formatTraceparent(opened) };
  return context.with(trace.setSpan(context.active(), span), () => runWithContext(inner, fn));
}

/**
 * Runs `fn` inside a span that ends when its promise settles; a rejection marks the span as failed and is passed
 * on. Without an endpoint it only calls `fn`. Attributes must never hold a secret or a payload.
 */
export function withSpan<T>(
  name: string,
  kind: keyof typeof KINDS,
  attributes: Attributes,
  fn: (span: Span) => Promise<T>,
): Promise<T> {
  if (!running) return fn(NO_SPAN);
  const span = startSpan(name, kind, attributes);
  return runInSpan(span, () => settle(span, fn));
}

async function settle<T>(span: Span, fn: (span: Span) => Promise<T>): Promise<T> {
  try {
    return await fn(span);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: redactText(message) });
    if (error instanceof Error) span.setAttribute('error.type', error.name);
    throw error;
  } finally {
    span.end();
  }
}

/** The SDK tells of failed exports only through `diag`. */
function reportToLog(): void {
  const logger = new Logger('OpenTelemetry');
  const silent = (): void => undefined;
  const error = (message: string): void => {
    logger.warn({ reason: reasonIn(message) }, 'spans could not be exported');
  };
  diag.setLogger(
    { error, warn: silent, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
  );
}

/** The SDK writes errors as JSON with their stack. */
function reasonIn(message: string): string {
  return /"message":"([^"]*)"/.exec(message)?.[1] ?? message;
}

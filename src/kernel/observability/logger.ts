import { format } from 'node:util';
import type { LoggerService, LogLevel } from '@nestjs/common';
import { destination, pino, stdTimeFunctions } from 'pino';
import type { DestinationStream, Level, Logger } from 'pino';
import type { Env } from '../env.js';
import { within } from './deadline.js';
import { redact, redactText } from './redaction.js';
import { currentContext, currentTraceId } from './trace-context.js';

const NEST_LEVELS = {
  fatal: 'fatal',
  error: 'error',
  warn: 'warn',
  log: 'info',
  debug: 'debug',
  verbose: 'trace',
} as const satisfies Record<LogLevel, Level>;

/** Without `child`: what is bound to a child logger would bypass the redaction. */
export type JsonLines = Pick<Logger, Level | 'isLevelEnabled'>;

/** At every start Nest tells of each module and route: a hundred lines that say nothing new. */
const NEST_WIRING = new Set(['InstanceLoader', 'RoutesResolver', 'RouterExplorer']);

const FLUSH_TIMEOUT_MS = 1_000;

let stdout: ReturnType<typeof destination> | undefined;

/**
 * One JSON object per line: time, level, msg, trace_id and correlation_id of the running request or message, and
 * what the caller gives. Secrets are hidden (see `redact`). Lines are written in the background, except in tests;
 * a normal exit flushes them, a crash does so through {@link exitOnCrash}.
 */
export function createLogger(
  env: Pick<Env, 'LOG_LEVEL' | 'NODE_ENV' | 'OTEL_SERVICE_NAME'>,
  target?: DestinationStream,
): JsonLines {
  // Two streams on one descriptor could cut each other's lines.
  const stream = target ?? (stdout ??= destination({ dest: 1, sync: env.NODE_ENV === 'test' }));
  return pino(
    {
      level: env.LOG_LEVEL,
      base: { service: env.OTEL_SERVICE_NAME },
      timestamp: stdTimeFunctions.isoTime,
      mixin: traceFields,
      // Errors arrive here already reduced by `redact`.
      serializers: { err: (value: unknown) => value },
      formatters: {
        level: (level) => ({ level }),
      },
      hooks: {
        logMethod(args, method) {
          const [fields, message] = safeArguments(args);
          method.call(this, fields, message);
        },
      },
    },
    stream,
  );
}

/** Runs only for lines whose level is enabled. */
function safeArguments([first, ...rest]: unknown[]): [object, string | undefined] {
  if (first instanceof Error) {
    const message = rest.length > 0 ? format(...rest) : first.message;
    return [{ err: redact(first) }, redactText(message)];
  }
  if (typeof first === 'object' && first !== null) {
    return [redact(first) as object, rest.length > 0 ? redactText(format(...rest)) : undefined];
  }
  return [{}, redactText(format(first, ...rest))];
}

function traceFields(): object {
  const trace_id = currentTraceId();
  if (trace_id === undefined) return {};
  const correlation_id = currentContext()?.correlationId;
  return { trace_id, ...(correlation_id === undefined ? {} : { correlation_id }) };
}

/**
 * Resolves when everything logged so far is with the operating system, or after 1 s if nobody reads it. A write in
 * the background may be under way, so writing the rest synchronously would put lines out of order.
 */
export async function flushLogs(): Promise<void> {
  const stream = stdout;
  if (!stream) return;
  const drained = new Promise<void>((resolve) => {
    stream.once('drain', resolve);
  });
  stream.write(''); // an idle stream drains only after a write
  await within(FLUSH_TIMEOUT_MS, () => drained).catch(() => {
    stream.flushSync();
  });
}

/** A crash is logged as one line after everything before it; then the process ends with code 1. */
export function exitOnCrash(logger: JsonLines): void {
  process.once('uncaughtException', (error, origin) => {
    logger.fatal({ err: error, origin }, 'crashed');
    void flushLogs().finally(() => process.exit(1));
  });
}

/**
 * Nest's loggers over pino: `new Logger('X').warn({ err, taskId }, 'text')` merges the object into the line, and
 * `.error('text', error)` or `.error(error)` logs the error with its stack.
 */
export class JsonLogger implements LoggerService {
  constructor(private readonly pinoLogger: JsonLines) {}

  fatal(...args: unknown[]): void {
    this.#write('fatal', args);
  }
  error(...args: unknown[]): void {
    this.#write('error', args);
  }
  warn(...args: unknown[]): void {
    this.#write('warn', args);
  }
  log(...args: unknown[]): void {
    this.#write('log', args);
  }
  debug(...args: unknown[]): void {
    this.#write('debug', args);
  }
  verbose(...args: unknown[]): void {
    this.#write('verbose', args);
  }

  #write(nestLevel: LogLevel, args: unknown[]): void {
    const isWiring = nestLevel === 'log' && NEST_WIRING.has(String(args.at(-1)));
    const level = isWiring ? 'debug' : NEST_LEVELS[nestLevel];
    if (!this.pinoLogger.isLevelEnabled(level)) return;
    const { fields, texts } = partsOf(args);
    if (texts.length === 0) this.pinoLogger[level](fields);
    else this.pinoLogger[level](fields, '%s', texts.join(' '));
  }
}

/** Nest passes (message, ...optional, context): the last text after the message is the context. */
function partsOf([message, ...rest]: unknown[]): {
  fields: Record<string, unknown>;
  texts: string[];
} {
  const optional = rest.filter((item) => item !== undefined);
  const context = typeof optional.at(-1) === 'string' ? (optional.pop() as string) : undefined;
  const fields: Record<string, unknown> = context === undefined ? {} : { context };
  const texts: string[] = [];
  for (const item of [message, ...optional]) collect(item, fields, texts);
  if (texts.length === 0 && fields['err'] instanceof Error) texts.push(fields['err'].message);
  return { fields, texts };
}

function collect(item: unknown, fields: Record<string, unknown>, texts: string[]): void {
  if (item instanceof Error) fields['err'] = item;
  else if (typeof item === 'string' && /\n\s+at /.test(item)) fields['stack'] = item;
  else if (typeof item === 'object' && item !== null && !Array.isArray(item)) {
    Object.assign(fields, item);
  } else texts.push(typeof item === 'string' ? item : format(item));
}

import type { Attributes } from '@opentelemetry/api';
import pg from 'pg';
import { RoundTrip } from '../persistence/round-trip.js';
import { currentContext } from './trace-context.js';

/** `withSpan` of tracing.ts, which knows this file. */
export type InSpan = <T>(
  name: string,
  kind: 'client',
  attributes: Attributes,
  fn: () => Promise<T>,
) => Promise<T>;

type Query = (this: unknown, ...args: unknown[]) => unknown;

const MAX_SQL_LENGTH = 1_000;

/**
 * Wraps the driver, so that every statement of a request or message is a span, whoever sends it. Only the text
 * with its placeholders is recorded, never a parameter. Loops that poll outside of any request stay unrecorded.
 * Returns the way back.
 */
export function tracePostgres(inSpan: InSpan): () => void {
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const original = prototype.query;
  prototype.query = function traced(...args) {
    const text = textOf(args[0]);
    if (text === undefined || !currentContext()) return original.apply(this, args);
    const attributes = {
      'db.system.name': 'postgresql',
      'db.query.text': text.slice(0, MAX_SQL_LENGTH),
    };
    const name = operationOf(text);
    return promised(this, original, args, (run) => inSpan(name, 'client', attributes, run));
  };
  return () => {
    prototype.query = original;
  };
}

/** A callback query returns nothing at once; its span lives until the callback is called. */
function promised(
  client: unknown,
  original: Query,
  args: unknown[],
  inSpan: (run: () => Promise<unknown>) => Promise<unknown>,
): unknown {
  const callback = args.at(-1);
  if (typeof callback !== 'function') {
    return inSpan(async () => original.apply(client, args));
  }
  const finished = inSpan(
    () =>
      new Promise((resolve, reject) => {
        const settle = (error: unknown, result: unknown): void => {
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as the driver gave it
          if (error) reject(error);
          else resolve(result);
        };
        original.apply(client, [...args.slice(0, -1), settle]);
      }),
  );
  const call = callback as (error: unknown, result?: unknown) => void;
  finished.then(
    (result) => process.nextTick(call, null, result),
    (error: unknown) => process.nextTick(call, error),
  );
  return undefined;
}

/** Undefined for cursors and streams, which the driver hands through the same method. */
function textOf(query: unknown): string | undefined {
  if (typeof query === 'string') return query;
  if (query instanceof RoundTrip) return query.text;
  if (typeof query !== 'object' || query === null || 'submit' in query) return undefined;
  return 'text' in query && typeof query.text === 'string' ? query.text : undefined;
}

/** Span names must be few: the first word of the statement. */
function operationOf(text: string): string {
  return /[a-z]+/i.exec(text)?.[0].toUpperCase() ?? 'SQL';
}

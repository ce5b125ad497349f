import { Cron } from 'croner';
import type { TimerSpec } from './draft.js';
import { compileExpression, ExpressionError, type Lookup } from './expression.js';

/** Answers with the instant, in milliseconds of the epoch, at which a timer set `now` fires. */
export type Timer = (lookup: Lookup, now: number) => number;

const DURATION =
  /^P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** Beyond, neither clocks nor databases agree on how an instant is written. */
const LAST = Date.UTC(10_000, 0) - 1;

/** Throws {@link ExpressionError} for what is neither duration nor instant; calendar units count in UTC. */
export function compileTimer(spec: TimerSpec): Timer {
  if (typeof spec !== 'string') return (_lookup, now) => nextRun(spec, now);
  if (!spec.startsWith('=')) return (_lookup, now) => instantOf(spec, spec, now);
  const evaluate = compileExpression(spec);
  return (lookup, now) => instantOf(evaluate(lookup), spec, now);
}

/** What is wrong with a timer that is no expression, or undefined. */
export function timerProblem(spec: TimerSpec): string | undefined {
  if (typeof spec === 'string' && spec.startsWith('=')) return undefined;
  try {
    compileTimer(spec)(() => null, 0);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function instantOf(value: unknown, source: string, now: number): number {
  const text = typeof value === 'string' ? value : '';
  const at = INSTANT.test(text) ? Date.parse(text) : addDuration(text, now);
  const told = JSON.stringify(value);
  if (at === undefined)
    throw new ExpressionError(source, `${told} is neither duration nor instant`);
  if (at <= LAST) return at;
  throw new ExpressionError(source, `${told} is no instant, or one after the year 9999,`);
}

function addDuration(text: string, now: number): number | undefined {
  const match = DURATION.exec(text);
  if (!match) return undefined;
  const [years, months, weeks, days, hours, minutes, seconds] = match
    .slice(1)
    .map((part: string | undefined) => Number(part ?? 0)) as Parts;
  const date = new Date(now);
  if (years > 0 || months > 0) date.setUTCMonth(date.getUTCMonth() + months + 12 * years);
  const rest = ((weeks * 7 + days) * 24 + hours) * 3_600 + minutes * 60 + seconds;
  return date.getTime() + Math.round(rest * 1_000);
}

/** Years to seconds, as the groups of the pattern. */
type Parts = [number, number, number, number, number, number, number];

function nextRun(spec: { cron: string; time_zone: string }, now: number): number {
  try {
    const cron = new Cron(spec.cron, { timezone: spec.time_zone, mode: '5-or-6-parts' });
    const next = cron.nextRun(new Date(now));
    if (next !== null) return next.getTime();
  } catch (error) {
    throw new ExpressionError(spec.cron, error instanceof Error ? error.message : String(error));
  }
  throw new ExpressionError(spec.cron, 'no occurrence is left');
}

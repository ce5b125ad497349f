import type { Env } from '../env.js';
import { RETRY_DELAYS_MS, type RetryDelayMs } from './broker.js';
import { CIRCUIT } from './circuit.js';
import type { MessageScopeOptions, Scope, Setting } from './message.decorators.js';
import { DELAYS } from './settlement.js';

/** The settings of a scope in this process. */
export interface ScopeSettings {
  readonly prefetch: number;
  readonly concurrency: number;
  readonly retry: readonly RetryDelayMs[];
  /** Failures in a row that pause the scope; false: it is never paused. */
  readonly circuit: number | false;
  readonly ordered: boolean;
}

/** AMQP's limit of a prefetch. */
const MAX_PREFETCH = 65_535;
/** A message that waits in its place holds up its key, and its place in the prefetch. */
export const LONGEST_PAUSE_IN_PLACE_MS = 30_000;

/** Settles what a scope left open. Throws, naming the scope, for settings that contradict each other. */
export function settingsOf(scope: Scope, env: Env, largestBatch: number): ScopeSettings {
  const prefetch =
    valueOf(scope.prefetch, env) ??
    Math.min(MAX_PREFETCH, Math.max(env.MESSAGE_PREFETCH, 2 * largestBatch));
  const concurrency = valueOf(scope.concurrency, env) ?? prefetch;
  const ordered = scope.ordered === true;
  const settings = {
    prefetch,
    concurrency,
    retry: ladderOf(scope, env, ordered),
    circuit: valueOf(scope.circuit, env) ?? CIRCUIT.failures,
    ordered,
  };
  for (const problem of problemsIn(settings)) throw new Error(`Scope "${scope.name}": ${problem}`);
  return settings;
}

function ladderOf(scope: MessageScopeOptions & { name: string }, env: Env, ordered: boolean) {
  const names = valueOf(scope.retry, env);
  if (!names) {
    const all = RETRY_DELAYS_MS.slice(0, env.MESSAGE_ATTEMPTS - 1);
    return ordered ? all.filter((delayMs) => delayMs <= LONGEST_PAUSE_IN_PLACE_MS) : all;
  }
  return names.map((name) => {
    const delayMs = (DELAYS as Record<string, RetryDelayMs | undefined>)[name];
    if (delayMs !== undefined) return delayMs;
    const known = Object.keys(DELAYS).join(', ');
    throw new Error(`Scope "${scope.name}": there is no delay "${name}"; there are ${known}`);
  });
}

function problemsIn({ prefetch, concurrency, retry, circuit, ordered }: ScopeSettings): string[] {
  const problems: [boolean, string][] = [
    [!isCount(prefetch, MAX_PREFETCH), `prefetch must be 1 to ${String(MAX_PREFETCH)}`],
    [!isCount(concurrency, prefetch), `concurrency must be 1 to the prefetch, ${String(prefetch)}`],
    [circuit !== false && !isCount(circuit, 1_000_000), 'circuit must be a number or false'],
    [
      ordered && retry.some((delayMs) => delayMs > LONGEST_PAUSE_IN_PLACE_MS),
      'an ordered scope tries again in place, so its delays end at 30s',
    ],
  ];
  return problems.filter(([isWrong]) => isWrong).map(([, problem]) => problem);
}

function isCount(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max;
}

function valueOf<T>(setting: Setting<T> | undefined, env: Env): T | undefined {
  return typeof setting === 'function' ? (setting as (env: Env) => T)(env) : setting;
}

import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { projectFolder } from '../../scripts/services/folders.ts';

/** What is sent to providers, what these are like, and what goes wrong meanwhile. */
export interface Scenario {
  readonly about: string;
  readonly processes: number;
  readonly seconds: number;
  /** So many a second, whether or not earlier ones have ended; or as many as keep a window full. */
  readonly arrivals: { readonly per_second: number } | { readonly window: number };
  /** Whether the user who sends them has the right to the paid provider. */
  readonly paying: boolean;
  readonly max_wait_ms: number;
  readonly store: 'postgres' | 'redis';
  readonly free: {
    readonly model: 'n_then_block' | 'aligned' | 'sliding' | 'anchored';
    readonly limit: number;
    readonly period_ms: number;
    readonly latency_ms: Latency;
  };
  readonly paid: {
    readonly latency_ms: Latency;
    readonly price_micros: number;
    readonly budget_micros: number | null;
  };
  /** A process is killed at each of these, without a word. */
  readonly kills_at_seconds: readonly number[];
}

interface Latency {
  readonly min: number;
  readonly max: number;
}

/** The scenario of a variant, or the file that BENCH_SCENARIO names. */
export function readScenario(variant: string, file: string | undefined): Scenario {
  const own = join(projectFolder, 'bench/scenarios', `${variant || 'block'}.json`);
  const path = file === undefined || isAbsolute(file) ? (file ?? own) : join(projectFolder, file);
  return JSON.parse(readFileSync(path, 'utf8')) as Scenario;
}

import { z } from 'zod';
import { LIMIT_MODELS } from './engine/limiter.js';

/** What a simulated provider does. Everything can be changed while it runs. */
export const SimulatorSettings = z.object({
  model: z.enum(LIMIT_MODELS),
  limit: z.number().int().min(1).max(10_000_000),
  /** The block of `n_then_block`, the window of the others. */
  period_ms: z.number().int().min(1).max(86_400_000),
  /** A call made during the block of `n_then_block` begins it anew. */
  restarts_block: z.boolean(),
  latency_ms: z
    .object({ min: z.number().min(0).max(600_000), max: z.number().min(0).max(600_000) })
    .refine(({ min, max }) => min <= max, 'min must not be above max'),
  /** Share of the calls that are counted, then answered with 500. */
  error_rate: z.number().min(0).max(1),
  /** Share of the calls that are counted, then never answered. */
  timeout_rate: z.number().min(0).max(1),
  /** Share of the calls that are cut off before they are counted. */
  lost_rate: z.number().min(0).max(1),
  /** `RateLimit` and `RateLimit-Policy`; a refusal always carries `Retry-After`. */
  headers: z.boolean(),
  /** The provider's clock runs ahead of this machine's by so much. */
  clock_offset_ms: z.number().int().min(-86_400_000).max(86_400_000),
});
export type SimulatorSettings = z.output<typeof SimulatorSettings>;

export const ChangeSimulator = SimulatorSettings.partial().strict();

export interface SimulatorStatistics {
  /** Calls that were counted, answered or not. */
  readonly accepted: number;
  readonly refused: number;
  readonly errors: number;
  readonly timeouts: number;
  readonly lost: number;
  /** Requests whose idempotency key was known: answered as before, not counted. */
  readonly replayed: number;
  /** Requests with the key of one that was still at work: 409, not counted. */
  readonly conflicts: number;
  readonly epochs: readonly EpochStatistics[];
}

/** Instants are in milliseconds since 1970 on the provider's clock. */
export interface EpochStatistics {
  readonly opened_at: number;
  readonly accepted: number;
  readonly refused: number;
  readonly first_call_at: number | null;
  readonly exhausted_at: number | null;
  readonly ends_at: number | null;
  /** From the true reset to the first call after it; `null` unless the epoch before was exhausted. */
  readonly first_call_after_ms: number | null;
}

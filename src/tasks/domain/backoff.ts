export interface Backoff {
  readonly kind: 'exponential' | 'fixed';
  /** Delay before the second attempt, in milliseconds. */
  readonly delay_ms: number;
  /** No delay is longer, in milliseconds. */
  readonly max_ms: number;
  /** Spreads the delay evenly over zero to its full length ("full jitter"), so that retries do not come in herds. */
  readonly jitter: boolean;
}

export const DEFAULT_BACKOFF: Backoff = {
  kind: 'exponential',
  delay_ms: 1_000,
  max_ms: 300_000,
  jitter: true,
};

/**
 * Milliseconds to wait after the given failed attempt (1 is the first). `random` is in [0, 1).
 * Full jitter as in "Exponential Backoff And Jitter", M. Brooker, AWS Architecture Blog, 2015.
 */
export function backoffDelayMs(backoff: Backoff, attempt: number, random: number): number {
  const factor = backoff.kind === 'fixed' ? 1 : 2 ** Math.min(attempt - 1, 30);
  const full = Math.min(backoff.max_ms, backoff.delay_ms * factor);
  return Math.round(backoff.jitter ? full * random : full);
}

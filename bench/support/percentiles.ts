export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Nearest-rank percentiles of what was measured, rounded to a hundredth. Throws when nothing was. */
export function percentiles(samples: readonly number[]): Percentiles {
  if (samples.length === 0) throw new Error('Nothing was measured');
  const sorted = Float64Array.from(samples).sort();
  const at = (share: number): number =>
    rounded(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN, 2);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

export function rounded(value: number, digits = 0): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

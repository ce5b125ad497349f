/** The buckets of a Prometheus histogram of several processes, added up. */
export async function bucketsOf(
  urls: readonly string[],
  name: string,
): Promise<Map<number, number>> {
  const buckets = new Map<number, number>();
  for (const url of urls) {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const [, bound, count] of text.matchAll(
      new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)`, 'gm'),
    )) {
      const upper = bound === '+Inf' ? Infinity : Number(bound);
      buckets.set(upper, (buckets.get(upper) ?? 0) + Number(count));
    }
  }
  return buckets;
}

/** The bound below which that share of the observations lies: never better than the truth. */
export function boundOf(buckets: ReadonlyMap<number, number>, share: number): number {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const total = sorted.at(-1)?.[1] ?? 0;
  return sorted.find(([, count]) => count >= share * total)?.[0] ?? Number.NaN;
}

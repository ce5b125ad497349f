/** A linear map from numbers to places on the screen. */
export interface Scale {
  readonly domain: readonly [number, number];
  readonly place: (value: number) => number;
}

export function linearScale(
  domain: readonly [number, number],
  range: readonly [number, number],
): Scale {
  const [low, high] = domain;
  const [start, end] = range;
  const width = high - low || 1;
  return { domain, place: (value) => start + ((value - low) / width) * (end - start) };
}

/** At most about `count` round numbers from 0 up to `max`: 1, 2 or 5 times a power of ten. */
export function roundTicks(max: number, count: number): number[] {
  const rough = Math.max(max, 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power);
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, index) => index * step);
}

const MINUTE = 60_000;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440, 2_880, 10_080, 43_200].map(
  (minutes) => minutes * MINUTE,
);

/** At most `count` instants of the clock (UTC), evenly apart, between the two. */
export function timeTicks([from, to]: readonly [number, number], count: number): number[] {
  const fitting = TIME_STEPS.find((candidate) => (to - from) / candidate <= count);
  const step = fitting ?? Math.ceil((to - from) / count / MINUTE) * MINUTE;
  const first = Math.ceil(from / step) * step;
  const length = Math.max(0, Math.floor((to - first) / step) + 1);
  return Array.from({ length }, (_, index) => first + index * step);
}

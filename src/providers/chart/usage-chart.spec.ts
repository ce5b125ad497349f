import type { UsageView } from '../providers.dto.js';
import { roundTicks, timeTicks } from './scale.js';
import { usageChart, usagePage } from './usage-chart.js';

const HOUR = 3_600_000;
const FROM = Date.parse('2026-03-10T00:00:00Z');
const at = (hours: number): string => new Date(FROM + hours * HOUR).toISOString();

function usage(calls: readonly { free: number; paid: number; excess?: number }[]): UsageView {
  const items = calls.map(({ free, paid, excess = 0 }, index) => ({
    at: at(index),
    free,
    paid,
    refused: 0,
    failed: 0,
    spent_micros: paid * 2_000,
    optimum: paid - excess,
    excess,
    possible: free,
    utilisation: 1,
  }));
  const sum = (of: (item: (typeof items)[number]) => number): number =>
    items.reduce((total, item) => total + of(item), 0);
  return {
    from: at(0),
    to: at(Math.max(1, calls.length)),
    bucket: 'hour',
    total: {
      free: sum((item) => item.free),
      paid: sum((item) => item.paid),
      refused: 0,
      failed: 0,
      spent_micros: sum((item) => item.spent_micros),
      optimum: sum((item) => item.optimum),
      excess: sum((item) => item.excess),
      possible: 0,
      utilisation: null,
    },
    items,
    blocks: [{ from: at(0.25), until: at(0.75) }],
  };
}

const boxes = (svg: string, name: string) =>
  [
    ...svg.matchAll(
      new RegExp(
        `<rect class="${name}" x="([\\d.]+)" y="([\\d.]+)" width="([\\d.]+)" height="([\\d.]+)"`,
        'g',
      ),
    ),
  ]
    .map((match) => match.slice(1).map(Number))
    .slice(1); // the first is the legend's

describe('the chart of usage', () => {
  it('draws free and paid calls on top of each other in proportion', () => {
    const svg = usageChart(
      usage([
        { free: 60, paid: 40 },
        { free: 100, paid: 0 },
      ]),
    );
    const [free, paid] = [boxes(svg, 'free'), boxes(svg, 'paid')];
    expect(free[0]![3]! / free[1]![3]!).toBeCloseTo(0.6, 2);
    expect(paid[0]![1]! + paid[0]![3]!).toBeCloseTo(free[0]![1]!, 1);
    expect(paid[1]![3]).toBe(0);
  });

  it('draws the line of the optimum below what need not have been paid', () => {
    const svg = usageChart(usage([{ free: 50, paid: 50, excess: 25 }]));
    const line = Number(/<path class="optimum" d="M[\d.]+ ([\d.]+)H[\d.]+"/.exec(svg)?.[1]);
    const [paid] = boxes(svg, 'paid');
    expect(line).toBeCloseTo(paid![1]! + paid![3]! / 2, 0);
  });

  it('shows the times in which the free provider was blocked', () => {
    const [block] = boxes(usageChart(usage([{ free: 1, paid: 0 }])), 'block');
    expect(block![2]).toBeCloseTo((960 - 64 - 24) / 2, 0);
  });

  it('is well formed without any call', () => {
    const svg = usageChart({ ...usage([]), blocks: [] });
    expect(svg).toMatch(/^<svg .*<\/svg>$/s);
    expect(svg).not.toContain('NaN');
  });

  it('is readable in light and dark, and loads nothing', () => {
    const page = usagePage(usage([{ free: 1, paid: 1 }]));
    expect(page).toContain('color-scheme: light dark');
    expect(page).not.toMatch(/<script|src=|href=/);
  });
});

describe('the ticks of a chart', () => {
  it('are round numbers', () => {
    expect(roundTicks(870, 5)).toEqual([0, 200, 400, 600, 800]);
    expect(roundTicks(3, 5)).toEqual([0, 1, 2, 3]);
  });

  it('are at full hours of a day, and few enough to be read', () => {
    const ticks = timeTicks([FROM + 1, FROM + 24 * HOUR], 9);
    expect(ticks.map((tick) => new Date(tick).toISOString().slice(11, 16))).toEqual([
      '03:00',
      '06:00',
      '09:00',
      '12:00',
      '15:00',
      '18:00',
      '21:00',
      '00:00',
    ]);
  });
});

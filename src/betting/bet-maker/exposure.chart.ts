import { formatMoney, formatRatio } from './domain/money.js';
import type { Exposure, Slice } from './queries/exposure.js';

const WIDTH = 720;
const HEIGHT = 260;
const LEFT = 20;
const BASE = 210;
const BARS_HEIGHT = 130;
const SLICE_WIDTH = 11;

/** A picture that needs nothing beside itself: stakes over time, and below them what the house may have to pay. */
export function exposureChart(exposure: Exposure): string {
  const { eventId, status, ratio, bets, staked, liability, paid } = exposure;
  const totals = [
    `${String(bets)} bets`,
    `staked ${formatMoney(staked)}`,
    `liability ${formatMoney(liability)}`,
    `paid ${formatMoney(paid)}`,
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(HEIGHT)}" font-family="sans-serif" font-size="13">`,
    `<title>Exposure of ${escaped(eventId)}</title>`,
    `<rect width="${String(WIDTH)}" height="${String(HEIGHT)}" fill="white"/>`,
    text(
      24,
      `${eventId}: ${status}, ratio ${formatRatio(ratio)}`,
      'font-size="16" font-weight="bold"',
    ),
    text(46, totals.join(' · '), 'fill="#444"'),
    ...bars(exposure.slices),
    `<path d="M${String(LEFT)} ${String(BASE)}h${String(60 * SLICE_WIDTH)}" stroke="#444"/>`,
    text(BASE + 22, `${instant(exposure.from)} to ${instant(exposure.until)}`, 'fill="#444"'),
    '</svg>',
  ].join('\n');
}

function bars(slices: readonly Slice[]): string[] {
  const highest = slices.reduce((most, { staked }) => (staked > most ? staked : most), 1n);
  return slices.map(({ place, bets, staked }) => {
    const height = Number((staked * BigInt(BARS_HEIGHT)) / highest) || 1;
    const x = LEFT + place * SLICE_WIDTH;
    return (
      `<rect x="${String(x)}" y="${String(BASE - height)}" width="${String(SLICE_WIDTH - 2)}" height="${String(height)}"` +
      ` fill="#2563eb"><title>${String(bets)} bets, ${formatMoney(staked)}</title></rect>`
    );
  });
}

function text(y: number, content: string, attributes: string): string {
  return `<text x="${String(LEFT)}" y="${String(y)}" ${attributes}>${escaped(content)}</text>`;
}

function instant(at: Date | null): string {
  return at?.toISOString() ?? 'no bets yet';
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

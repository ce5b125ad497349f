import { type Html, html } from '../../kernel/http/html.js';
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
  return html`<svg
    xmlns="http://www.w3.org/2000/svg"
    viewBox="0 0 ${WIDTH} ${HEIGHT}"
    font-family="sans-serif"
    font-size="13"
  >
    <title>Exposure of ${eventId}</title>
    <rect width="${WIDTH}" height="${HEIGHT}" fill="white" />
    <text x="${LEFT}" y="24" font-size="16" font-weight="bold">
      ${eventId}: ${status}, ratio ${formatRatio(ratio)}
    </text>
    <text x="${LEFT}" y="46" fill="#444">${totals.join(' · ')}</text>
    ${bars(exposure.slices)}
    <path d="M${LEFT} ${BASE}h${60 * SLICE_WIDTH}" stroke="#444" />
    <text x="${LEFT}" y="${BASE + 22}" fill="#444">
      ${instant(exposure.from)} to ${instant(exposure.until)}
    </text>
  </svg>`.text;
}

function bars(slices: readonly Slice[]): Html[] {
  const highest = slices.reduce((most, { staked }) => (staked > most ? staked : most), 1n);
  return slices.map(({ place, bets, staked }) => {
    const height = Number((staked * BigInt(BARS_HEIGHT)) / highest) || 1;
    return html`<rect
      x="${LEFT + place * SLICE_WIDTH}"
      y="${BASE - height}"
      width="${SLICE_WIDTH - 2}"
      height="${height}"
      fill="#2563eb"
      ><title>${bets} bets, ${formatMoney(staked)}</title></rect
    >`;
  });
}

function instant(at: Date | null): string {
  return at?.toISOString() ?? 'no bets yet';
}

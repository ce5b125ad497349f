/** Money in minor units; odds and shares in thousandths. All of it is whole numbers, so nothing is ever rounded twice. */
export type Minor = bigint;
export type Thousandths = number;

const MONEY = /^(0|[1-9]\d{0,12})(?:\.(\d{1,2}))?$/;
const RATIO = /^(0|[1-9]\d{0,6})(?:\.(\d{1,3}))?$/;

/** `10`, `10.5` and `10.50` in hundredths. Undefined for anything else: signs, exponents, more decimals, 14 digits. */
export function parseMoney(text: string): Minor | undefined {
  const found = MONEY.exec(text);
  if (!found) return undefined;
  const [, whole = '0', decimals = ''] = found;
  return BigInt(whole) * 100n + BigInt(decimals.padEnd(2, '0'));
}

export function formatMoney(amount: Minor): string {
  const sign = amount < 0n ? '-' : '';
  const digits = String(amount < 0n ? -amount : amount).padStart(3, '0');
  return `${sign}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** `1.85` as 1850. Undefined for anything that is no plain decimal with at most three places. */
export function parseRatio(text: string): Thousandths | undefined {
  const found = RATIO.exec(text);
  if (!found) return undefined;
  const [, whole = '0', decimals = ''] = found;
  return Number(whole) * 1_000 + Number(decimals.padEnd(3, '0'));
}

export function formatRatio(ratio: Thousandths): string {
  const digits = String(ratio).padStart(4, '0');
  return `${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

/** What a winning bet pays, stake included. What is below a minor unit stays with the house. */
export function payoutOf(stake: Minor, odds: Thousandths): Minor {
  return (stake * BigInt(odds)) / 1_000n;
}

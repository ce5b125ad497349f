/** At most nine digits before the point, so that every value is a safe integer. */
const DECIMAL = /^(0|[1-9]\d{0,8})(?:\.(\d{1,3}))?$/;

/**
 * A decimal of at most three places as an integer, so that nothing is ever rounded: 1.85 is 1850. A number is read by its
 * shortest decimal text, which is what its sender wrote. Undefined for signs, exponents and more places: -0, 1e-7, 1e21,
 * NaN, "1.2345", " 1".
 */
export function thousandthsOf(value: number | string): number | undefined {
  if (Object.is(value, -0)) return undefined;
  const [, whole, fraction = ''] = DECIMAL.exec(String(value)) ?? [];
  return whole === undefined ? undefined : Number(whole + fraction.padEnd(3, '0'));
}

/** With all three places: 1850 is "1.850". */
export function decimalText(thousandths: number): string {
  const digits = String(thousandths).padStart(4, '0');
  return `${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

import fc from 'fast-check';
import { formatMoney, formatRatio, parseMoney, parseRatio, payoutOf } from './money.js';

const amounts = fc.bigInt({ min: 0n, max: 10n ** 15n - 1n });
const ratios = fc.integer({ min: 1_001, max: 1_000_000_000 });

describe('money', () => {
  it('survives being written and read', () => {
    fc.assert(fc.property(amounts, (amount) => parseMoney(formatMoney(amount)) === amount));
    fc.assert(fc.property(ratios, (ratio) => parseRatio(formatRatio(ratio)) === ratio));
  });

  it.each([
    ['10', 1_000n],
    ['10.5', 1_050n],
    ['0.01', 1n],
    ['9999999999999.99', 999_999_999_999_999n],
  ])('reads %s', (text, amount) => {
    expect(parseMoney(text)).toBe(amount);
  });

  it.each([
    ...[
      '',
      '-1',
      '-0',
      '+1',
      '1e-7',
      '1e+21',
      'NaN',
      'Infinity',
      '10.001',
      '.5',
      '5.',
      '01',
      ' 1',
      '1 ',
    ],
    ...['0x10', '1,5', '١', '10000000000000'],
  ])('does not guess what "%s" may mean', (text) => {
    expect(parseMoney(text)).toBeUndefined();
  });

  it.each(['', '0.5000', '1.0001', '-2', '1e3', '10000000'])('takes "%s" for no ratio', (text) => {
    expect(parseRatio(text)).toBeUndefined();
  });

  it('pays what is won, rounded down to a minor unit, and never below the stake', () => {
    fc.assert(
      fc.property(amounts, ratios, (stake, odds) => {
        const payout = payoutOf(stake, odds);
        const remainder = stake * BigInt(odds) - payout * 1_000n;
        return remainder >= 0n && remainder < 1_000n && payout >= stake;
      }),
    );
    expect(payoutOf(1_001n, 1_850)).toBe(1_851n);
  });

  it('shows what leaves an account with a sign', () => {
    expect([formatMoney(-5n), formatMoney(-1_234n), formatMoney(0n)]).toEqual([
      '-0.05',
      '-12.34',
      '0.00',
    ]);
  });
});

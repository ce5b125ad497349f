import fc from 'fast-check';
import { decimalText, thousandthsOf } from './thousandths.js';

const inThousandths = fc.integer({ min: 0, max: 999_999_999_999 });

describe('a decimal', () => {
  it('is read from its text to the thousandth, and written again with three places', () => {
    fc.assert(
      fc.property(inThousandths, (value) => {
        expect(thousandthsOf(decimalText(value))).toBe(value);
      }),
    );
  });

  it('may leave its last zeros out', () => {
    fc.assert(
      fc.property(inThousandths, (value) => {
        const short = decimalText(value).replace(/\.?0+$/, '') || '0';
        expect(thousandthsOf(short)).toBe(value);
      }),
    );
  });

  it('may come as a number, which is what JSON makes of such a text', () => {
    fc.assert(
      fc.property(inThousandths, (value) => {
        expect(thousandthsOf(JSON.parse(decimalText(value)) as number)).toBe(value);
      }),
    );
  });

  it.each([
    [1.85, 1_850],
    ['1.85', 1_850],
    ['2', 2_000],
    [1.001, 1_001],
    [0.1 + 0.7, undefined], // 0.7999999999999999: nobody wrote that
    [0.5, 500],
    ['999999999.999', 999_999_999_999],
  ])('%p is %p thousandths', (given, expected) => {
    expect(thousandthsOf(given)).toBe(expected);
  });

  it.each([
    [NaN],
    [Infinity],
    [-1],
    [-0],
    [1e-7],
    [1e21],
    [1.2345],
    ['1.2345'],
    ['1.8500'],
    ['1e1'],
    ['+1.5'],
    ['-1.5'],
    ['-0'],
    [' 1.5'],
    ['1.5\n'],
    ['01.5'],
    ['.5'],
    ['1.'],
    ['1,5'],
    ['0x10'],
    ['NaN'],
    [''],
    ['٣.٥'],
    ['1000000000'],
  ])('is not %p', (given) => {
    expect(thousandthsOf(given)).toBeUndefined();
  });

  it('is never made of anything else than digits and a point', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double()), (given) => {
        const read = thousandthsOf(given);
        if (read === undefined) return;
        expect(String(given)).toMatch(/^\d+(\.\d{1,3})?$/);
        expect(Number.isSafeInteger(read)).toBe(true);
      }),
    );
  });
});

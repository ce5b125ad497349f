import { z } from 'zod';
import { parseMoney, parseRatio } from './domain/money.js';

const MONEY = 'must be more than 0, with at most two decimals, such as "10.50"';
const RATIO = 'must be more than 1, with at most three decimals, such as "1.85"';

/** A number is as good as a text where its shortest notation is a plain decimal. */
function plain(value: string | number): string {
  return String(value);
}

/** An amount above 0 as minor units. */
export const moneyInput = z
  .union([z.string({ error: MONEY }), z.number({ error: MONEY })], { error: MONEY })
  .meta({ description: 'Text or number above 0 with at most two decimals', examples: ['10.50'] })
  .transform((value, context) => {
    const amount = parseMoney(plain(value));
    if (amount !== undefined && amount > 0n) return amount;
    context.addIssue({ code: 'custom', message: MONEY });
    return z.NEVER;
  });

/** Odds above 1 as thousandths. */
export const ratioInput = z
  .union([z.string({ error: RATIO }), z.number({ error: RATIO })], { error: RATIO })
  .meta({ description: 'Text or number above 1 with at most three decimals', examples: ['1.85'] })
  .transform((value, context) => {
    const ratio = parseRatio(plain(value));
    if (ratio !== undefined && ratio > 1_000) return ratio;
    context.addIssue({ code: 'custom', message: RATIO });
    return z.NEVER;
  });

export const money = z
  .string()
  .meta({ description: 'Decimal with two places', examples: ['10.00'] });

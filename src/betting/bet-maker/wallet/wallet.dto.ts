import { z } from 'zod';
import { pageOf } from '../../../kernel/http/pages.js';
import { money, moneyInput } from '../money.dto.js';

export const deposit = z
  .strictObject({
    amount: moneyInput,
    owner_id: z.string().min(1).max(255).optional().meta({ description: 'Default: the caller.' }),
  })
  .meta({ id: 'Deposit', examples: [{ amount: '100.00' }] });
export type DepositRequest = z.output<typeof deposit>;

export const walletView = z
  .object({
    owner_id: z.string(),
    cash: money.meta({ description: 'What can be staked.' }),
    reserved: money.meta({ description: 'Stakes of bets that are not settled.' }),
    debt: money.meta({
      description: 'Payouts that were taken back when the cash was gone; later cash pays it first.',
    }),
  })
  .meta({
    id: 'Wallet',
    examples: [{ owner_id: 'anonymous', cash: '990.00', reserved: '10.00', debt: '0.00' }],
  });
export type WalletView = z.output<typeof walletView>;

export const entryView = z
  .object({
    id: z.string(),
    account: z.enum(['cash', 'reserved', 'debt']),
    amount: money.meta({ description: 'Negative for what leaves the account.' }),
    reason: z.enum(['deposit', 'reserve', 'post', 'void', 'payout', 'reversal', 'collect']),
    bet_id: z.uuid().nullable(),
    settlement: z.int().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'WalletEntry' });
export type EntryView = Omit<z.output<typeof entryView>, 'created_at'> & {
  readonly created_at: Date;
};

export const entryPage = pageOf(entryView);

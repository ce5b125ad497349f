import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../../../kernel/persistence/unit-of-work.js';
import type { Minor } from '../domain/money.js';

export interface Deposit {
  readonly ownerId: string;
  readonly amount: Minor;
}

/** Wallets beyond bets, in the open Unit of Work. */
@Injectable()
export class WalletRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Opens the wallet where there is none, and locks it. One that is there already is left as it is: answers false. */
  async open(ownerId: string): Promise<boolean> {
    const opened = await this.unitOfWork.query(
      `insert into bet_maker.wallet (owner_id) values ($1) on conflict do nothing returning 1`,
      [ownerId],
    );
    if (opened.length === 0) {
      await this.unitOfWork.query(`select from bet_maker.wallet where owner_id = $1 for update`, [
        ownerId,
      ]);
    }
    return opened.length > 0;
  }

  /** From the bank into the cash of a wallet that is there. */
  async deposit({ ownerId, amount }: Deposit): Promise<void> {
    await this.unitOfWork.query(
      `with wallet as (update bet_maker.wallet set cash = cash + $2 where owner_id = $1 returning owner_id)
       insert into bet_maker.transfer (owner_id, amount, taken_from, given_to, reason)
       select owner_id, $2, 'bank', 'cash', 'deposit' from wallet`,
      [ownerId, String(amount)],
    );
  }
}

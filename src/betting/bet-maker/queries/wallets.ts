import { Query } from '@nestjs/cqrs';
import { z } from 'zod';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page, type pageQuery } from '../../../kernel/http/pages.js';
import { Database } from '../../../kernel/persistence/database.js';
import { formatMoney } from '../domain/money.js';
import type { EntryView, WalletView } from '../wallet/wallet.dto.js';

/** A caller without a wallet has an empty one. */
export class GetWallet extends Query<WalletView> {
  constructor(readonly ownerId: string) {
    super();
  }
}

@Handles(GetWallet)
export class GetWalletHandler implements Handler<GetWallet> {
  constructor(private readonly database: Database) {}

  async execute({ ownerId }: GetWallet): Promise<WalletView> {
    const [wallet] = await this.database.query<Record<'cash' | 'reserved' | 'debt', string>>(
      `select cash, reserved, debt from bet_maker.wallet where owner_id = $1`,
      [ownerId],
    );
    return {
      owner_id: ownerId,
      cash: formatMoney(BigInt(wallet?.cash ?? 0)),
      reserved: formatMoney(BigInt(wallet?.reserved ?? 0)),
      debt: formatMoney(BigInt(wallet?.debt ?? 0)),
    };
  }
}

/** What has moved the owner's accounts, newest first; entries of the house and the bank stay theirs. */
export class ListWalletEntries extends Query<Page<EntryView>> {
  constructor(
    readonly ownerId: string,
    readonly request: z.output<typeof pageQuery>,
  ) {
    super();
  }
}

type EntryRow = Omit<EntryView, 'amount'> & { readonly amount: string };

/** The two entries of a transfer have its number; the account tells them apart. */
const place = z.tuple([z.string().regex(/^\d{1,18}$/), z.string().max(20)]);

@Handles(ListWalletEntries)
export class ListWalletEntriesHandler implements Handler<ListWalletEntries> {
  constructor(private readonly database: Database) {}

  async execute({ ownerId, request }: ListWalletEntries): Promise<Page<EntryView>> {
    const [id, account] =
      request.cursor === undefined ? [null, null] : decodeCursor(place, request.cursor);
    const rows = await this.database.query<EntryRow>(
      `select id, account, amount, reason, bet_id, settlement, created_at from bet_maker.entry
       where owner_id = $1 and account in ('cash', 'reserved', 'debt')
         and ($2::bigint is null or (id, account) < ($2::bigint, $3::text))
       order by id desc, account desc limit $4`,
      [ownerId, id, account, request.limit + 1],
    );
    const entries = rows.map((row) => ({ ...row, amount: formatMoney(BigInt(row.amount)) }));
    return page(entries, request.limit, (entry) => [entry.id, entry.account]);
  }
}

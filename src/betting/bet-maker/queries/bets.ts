import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../../kernel/http/pages.js';
import { uuidParam } from '../../../kernel/http/shapes.js';
import { Database } from '../../../kernel/persistence/database.js';
import { BET_COLUMNS, type BetRow, toView } from '../bet.view.js';
import type { BetView, ListBetsRequest } from '../bets.dto.js';
import { BetNotFound } from '../domain/bet.errors.js';

/** Throws `BetNotFound`, also for the bet of somebody else. */
export class GetBet extends Query<BetView> {
  constructor(
    readonly ownerId: string,
    readonly betId: string,
  ) {
    super();
  }
}

@Handles(GetBet)
export class GetBetHandler implements Handler<GetBet> {
  constructor(private readonly database: Database) {}

  async execute({ ownerId, betId }: GetBet): Promise<BetView> {
    const [row] = await this.database.query<BetRow>(
      `select ${BET_COLUMNS} from bet_maker.bet where bet_id = $1 and owner_id = $2`,
      [betId, ownerId],
    );
    if (!row) throw new BetNotFound(betId);
    return toView(row);
  }
}

/** The owner's bets, newest first. Throws `ValidationError` for a broken cursor. */
export class ListBets extends Query<Page<BetView>> {
  constructor(
    readonly ownerId: string,
    readonly request: ListBetsRequest,
  ) {
    super();
  }
}

@Handles(ListBets)
export class ListBetsHandler implements Handler<ListBets> {
  constructor(private readonly database: Database) {}

  async execute({ ownerId, request }: ListBets): Promise<Page<BetView>> {
    const { status, event_id: eventId, cursor, limit } = request;
    const before = cursor === undefined ? null : decodeCursor(uuidParam, cursor);
    const rows = await this.database.query<BetRow>(
      `select ${BET_COLUMNS} from bet_maker.bet
       where owner_id = $1 and ($2::text is null or status = $2) and ($3::text is null or event_id = $3)
         and ($4::uuid is null or bet_id < $4)
       order by bet_id desc limit $5`,
      [ownerId, status ?? null, eventId ?? null, before, limit + 1],
    );
    return page(rows.map(toView), limit, (bet) => bet.bet_id);
  }
}

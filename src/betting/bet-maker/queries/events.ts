import { Query } from '@nestjs/cqrs';
import { z } from 'zod';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../../kernel/http/pages.js';
import { Database } from '../../../kernel/persistence/database.js';
import { EventNotFound } from '../domain/bet.errors.js';
import { formatRatio } from '../domain/money.js';
import type { EventView, ListEventsRequest, SettlementView } from '../events.dto.js';

/** The line as it is known here, newest first. Throws `ValidationError` for a broken cursor. */
export class ListEvents extends Query<Page<EventView>> {
  constructor(readonly request: ListEventsRequest) {
    super();
  }
}

interface EventRow extends Omit<EventView, 'ratio'> {
  readonly seq: string;
  readonly ratio: number;
}

const place = z.string().regex(/^\d{1,18}$/);

@Handles(ListEvents)
export class ListEventsHandler implements Handler<ListEvents> {
  constructor(private readonly database: Database) {}

  async execute({ request: { status, cursor, limit } }: ListEvents): Promise<Page<EventView>> {
    const before = cursor === undefined ? null : decodeCursor(place, cursor);
    const rows = await this.database.query<EventRow>(
      `select seq, event_id, ratio, deadline, status, version from bet_maker.event
       where ($1::text is null or status = $1) and ($2::bigint is null or seq < $2)
       order by seq desc limit $3`,
      [status ?? null, before, limit + 1],
    );
    const { items, next_cursor } = page(rows, limit, (row) => row.seq);
    return {
      items: items.map(({ seq: _, ratio, ...event }) => ({ ...event, ratio: formatRatio(ratio) })),
      next_cursor,
    };
  }
}

/** How far the settlements of an event have come. Throws `EventNotFound`. */
export class ListSettlements extends Query<SettlementView[]> {
  constructor(readonly eventId: string) {
    super();
  }
}

@Handles(ListSettlements)
export class ListSettlementsHandler implements Handler<ListSettlements> {
  constructor(private readonly database: Database) {}

  async execute({ eventId }: ListSettlements): Promise<SettlementView[]> {
    const known = await this.database.query(`select from bet_maker.event where event_id = $1`, [
      eventId,
    ]);
    if (known.length === 0) throw new EventNotFound(eventId);
    return this.database.query<SettlementView>(
      `select settlement, outcome, state, settled, coalesce(bets, 0) as bets, started_at, touched_at
       from bet_maker.settlement left join bet_maker.exposure using (event_id)
       where event_id = $1 order by settlement`,
      [eventId],
    );
  }
}

/** Whether anything was ever heard of the line. */
export class IsLineKnown extends Query<boolean> {}

@Handles(IsLineKnown)
export class IsLineKnownHandler implements Handler<IsLineKnown> {
  constructor(private readonly database: Database) {}

  async execute(): Promise<boolean> {
    const [row] = await this.database.query<{ known: boolean }>(
      `select exists (select from bet_maker.event) as known`,
    );
    return row?.known ?? false;
  }
}

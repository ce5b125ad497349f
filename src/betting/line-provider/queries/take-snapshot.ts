import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { decodeCursor, page } from '../../../kernel/http/pages.js';
import { Database } from '../../../kernel/persistence/database.js';
import type { SnapshotRequest, SnapshotView } from '../feed.dto.js';
import { type LineEventRow, toSaved, toView } from '../line-event.rows.js';
import { eventIdParam } from '../line-events.dto.js';

/**
 * A page of the events as they are, by id, with the number of the feed's last change: all changes up to it are in the
 * page. Whoever reads all pages and keeps the newer version of each event has missed nothing up to the first page's
 * number. Throws `ValidationError` for a broken cursor.
 */
export class TakeSnapshot extends Query<SnapshotView> {
  constructor(readonly request: SnapshotRequest) {
    super();
  }
}

type SnapshotRow = { readonly feed_head: string; readonly incarnation: string } & (
  LineEventRow | { readonly id: null }
);

@Handles(TakeSnapshot)
export class TakeSnapshotHandler implements Handler<TakeSnapshot> {
  constructor(private readonly database: Database) {}

  async execute({ request }: TakeSnapshot): Promise<SnapshotView> {
    const { event_ids: ids, cursor, limit } = request;
    const after = cursor === undefined ? null : decodeCursor(eventIdParam, cursor);
    // One statement sees one state: the number of a change and the change itself were committed together.
    const rows = await this.database.query<SnapshotRow>(
      `select feed.version as feed_head, feed.incarnation, event.*
       from line_provider.feed left join lateral (
         select * from line_provider.event
         where ($1::text[] is null or id = any($1)) and ($2::text is null or id > $2)
         order by id limit $3) as event on true
       order by event.id`,
      [ids ?? null, after, limit + 1],
    );
    const [first] = rows;
    if (!first) throw new Error('line_provider.feed has lost its row');
    const found = rows.filter((row) => row.id !== null).map((row) => toView(toSaved(row)));
    return {
      ...page(found, limit, (event) => event.event_id),
      feed_version: first.feed_head,
      incarnation: first.incarnation,
    };
  }
}

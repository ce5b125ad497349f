import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import type { LinkView, ListLinksRequest } from '../workflow-links.dto.js';

/** Newest first. Throws `ValidationError` for a broken cursor. */
export class ListLinks extends Query<Page<LinkView>> {
  constructor(readonly request: ListLinksRequest) {
    super();
  }
}

@Handles(ListLinks)
export class ListLinksHandler implements Handler<ListLinks> {
  constructor(private readonly database: Database) {}

  async execute({ request: { from, to, cursor, limit } }: ListLinks): Promise<Page<LinkView>> {
    const before = cursor === undefined ? null : decodeCursor(uuidParam, cursor);
    const rows = await this.database.query<LinkView>(
      `select id, json_build_object('workflow', from_key, 'end', from_end) as "from", to_key as "to", map,
              created_at, last_error
       from workflows.link
       where ($1::text is null or from_key = $1) and ($2::text is null or to_key = $2)
         and ($3::uuid is null or id < $3) order by id desc limit $4`,
      [from ?? null, to ?? null, before, limit + 1],
    );
    return page(rows, limit, ({ id }) => id);
  }
}

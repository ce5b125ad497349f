import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { Database } from '../../../kernel/persistence/database.js';
import { LineEventNotFound } from '../domain/line-event.errors.js';
import { type LineEventRow, toSaved, toView } from '../line-event.rows.js';
import type { LineEventView } from '../line-events.dto.js';

/** Throws `LineEventNotFound`. */
export class GetEvent extends Query<LineEventView> {
  constructor(readonly eventId: string) {
    super();
  }
}

@Handles(GetEvent)
export class GetEventHandler implements Handler<GetEvent> {
  constructor(private readonly database: Database) {}

  async execute({ eventId }: GetEvent): Promise<LineEventView> {
    const [row] = await this.database.query<LineEventRow>(
      `select * from line_provider.event where id = $1`,
      [eventId],
    );
    if (!row) throw new LineEventNotFound(eventId);
    return toView(toSaved(row));
  }
}

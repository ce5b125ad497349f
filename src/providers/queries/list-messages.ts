import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import { VIEW_COLUMNS } from '../message.view.js';
import type { ListMessagesRequest, MessageView } from '../messages.dto.js';

/** The owner's messages, newest first. Throws `ValidationError` for a broken cursor. */
export class ListMessages extends Query<Page<MessageView>> {
  constructor(
    readonly request: ListMessagesRequest,
    readonly ownerId: string,
  ) {
    super();
  }
}

@Handles(ListMessages)
export class ListMessagesHandler implements Handler<ListMessages> {
  constructor(private readonly database: Database) {}

  async execute({ request, ownerId }: ListMessages): Promise<Page<MessageView>> {
    const { state, cursor, limit } = request;
    const parameters: unknown[] = [ownerId, limit + 1];
    const before = cursor === undefined ? undefined : decodeCursor(uuidParam, cursor);
    const place = before === undefined ? '' : ` and id < $${String(parameters.push(before))}`;
    // Not a parameter: only for a constant can the planner see that the index of unusual messages holds them all.
    const filter = state === undefined ? '' : ` and state = '${state}'`;
    const rows = await this.database.query<MessageView>(
      `select ${VIEW_COLUMNS} from providers.message where owner_id = $1${filter}${place}
       order by id desc limit $2`,
      parameters,
    );
    return page(rows, limit, (message) => message.id);
  }
}

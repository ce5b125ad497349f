import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import { MessageNotFound } from '../domain/message.errors.js';
import { VIEW_COLUMNS } from '../message.view.js';
import type { MessageView } from '../messages.dto.js';

/** Throws `MessageNotFound`, also for a message of somebody else. */
export class GetMessage extends Query<MessageView> {
  constructor(
    readonly messageId: string,
    readonly ownerId: string,
  ) {
    super();
  }
}

@Handles(GetMessage)
export class GetMessageHandler implements Handler<GetMessage> {
  constructor(private readonly database: Database) {}

  async execute({ messageId, ownerId }: GetMessage): Promise<MessageView> {
    const [message] = await this.database.query<MessageView>(
      `select ${VIEW_COLUMNS} from providers.message where id = $1 and owner_id = $2`,
      [messageId, ownerId],
    );
    if (!message) throw new MessageNotFound(messageId);
    return message;
  }
}

/** Those of the messages that the owner has, in no order. */
export class GetMessages extends Query<MessageView[]> {
  constructor(
    readonly messageIds: readonly string[],
    readonly ownerId: string,
  ) {
    super();
  }
}

@Handles(GetMessages)
export class GetMessagesHandler implements Handler<GetMessages> {
  constructor(private readonly database: Database) {}

  execute({ messageIds, ownerId }: GetMessages): Promise<MessageView[]> {
    return this.database.query<MessageView>(
      `select ${VIEW_COLUMNS} from providers.message where id = any($1) and owner_id = $2`,
      [messageIds, ownerId],
    );
  }
}

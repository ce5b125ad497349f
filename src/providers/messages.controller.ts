import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  Post,
  Query,
  UseInterceptors,
} from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import type { Page } from '../kernel/http/pages.js';
import { inTheSameShape, uuidParam } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { CreateMessages } from './commands/create-messages.js';
import {
  type CreateMessageRequest,
  createMessagesBody,
  listMessagesQuery,
  type ListMessagesRequest,
  messagePage,
  messageView,
  type MessageView,
} from './messages.dto.js';
import { ApiPreferWait, PreferWait } from './prefer-wait.js';
import { GetMessage } from './queries/get-message.js';
import { ListMessages } from './queries/list-messages.js';

@ApiTags('messages')
@Controller('messages')
@MessageScope('providers')
export class MessagesController {
  constructor(private readonly mediator: Mediator) {}

  @Post()
  @HttpCode(202)
  @OnMessage('process')
  @UseInterceptors(PreferWait)
  @Idempotent()
  @ApiPreferWait()
  @ApiOperation({ summary: 'Have a message processed by a provider, or up to 1,000 at once' })
  @ApiAnswer(messageView, {
    status: 202,
    description: 'Taken; `Location` tells where to look. An array for an array',
  })
  @ApiAnswer(messageView, {
    status: 200,
    description: 'With `Prefer: wait`: the message at its end',
  })
  @ApiProblems(403)
  create(
    @Body({ schema: createMessagesBody }) body: CreateMessageRequest | CreateMessageRequest[],
    @CurrentCaller() caller: Caller,
  ): Promise<MessageView | readonly MessageView[]> {
    return inTheSameShape(body, (items) =>
      this.mediator.execute(new CreateMessages(caller, items)),
    );
  }

  @Get()
  @ApiOperation({ summary: 'List your messages, newest first' })
  @ApiAnswer(messagePage)
  list(
    @Query({ schema: listMessagesQuery }) query: ListMessagesRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<Page<MessageView>> {
    return this.mediator.ask(new ListMessages(query, caller.id));
  }

  @Get(':message_id')
  @ApiOperation({ summary: 'One of your messages, with the answer of the provider' })
  @ApiAnswer(messageView)
  get(
    @Param('message_id', { schema: uuidParam }) messageId: string,
    @CurrentCaller() caller: Caller,
  ): Promise<MessageView> {
    return this.mediator.ask(new GetMessage(messageId, caller.id));
  }
}

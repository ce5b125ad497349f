import { Body, Controller } from '@nestjs/common';
import { SystemDoor } from '../../kernel/access/access.decorators.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { MessageScope, OnMessage } from '../../kernel/messaging/message.decorators.js';
import { chunkOfSettlement, type ChunkOfSettlement, SETTLEMENTS } from './bet.messages.js';
import { SettleBets } from './commands/settle-bets.js';

/** The door through which settlements go on, chunk by chunk; several events at once, so that a large one stops nobody. */
@Controller()
@MessageScope(SETTLEMENTS, { prefetch: 4 })
export class SettlementsController {
  constructor(private readonly mediator: Mediator) {}

  @SystemDoor()
  @OnMessage('next', { idempotent: true })
  async settleNextBets(
    @Body({ schema: chunkOfSettlement }) chunk: ChunkOfSettlement,
  ): Promise<void> {
    await this.mediator.execute(new SettleBets(chunk));
  }
}

import { Body, Controller } from '@nestjs/common';
import { SystemDoor } from '../../kernel/access/access.decorators.js';
import { MessageScope, OnMessage } from '../../kernel/messaging/message.decorators.js';
import { settlementKey, type SettlementKey, SETTLEMENTS } from './bet.messages.js';
import { SettlementRun } from './settlement-run.js';

/** The door through which settlements go on, chunk by chunk; several events at once, so that a large one stops nobody. */
@Controller()
@MessageScope(SETTLEMENTS, { prefetch: 4 })
export class SettlementsController {
  constructor(private readonly settlements: SettlementRun) {}

  @SystemDoor()
  @OnMessage('next', { idempotent: true })
  async settleNextBets(@Body({ schema: settlementKey }) key: SettlementKey): Promise<void> {
    await this.settlements.carryOn(key);
  }
}

import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import type { SettlementKey } from './bet.messages.js';
import { SettleBets } from './commands/settle-bets.js';

/** Few messages for a large event, and each of them short enough for other events to have their turn. */
const CHUNKS_PER_MESSAGE = 8;

/**
 * Carries a settlement on, a transaction per chunk; the last one orders the message that goes on. Whoever dies in between
 * leaves its message to another, who begins behind the last chunk that was committed.
 */
@Injectable()
export class SettlementRun {
  constructor(private readonly mediator: Mediator) {}

  async carryOn(key: SettlementKey): Promise<void> {
    for (let chunk = 1; chunk <= CHUNKS_PER_MESSAGE; chunk += 1) {
      const hasMore = await this.mediator.execute(
        new SettleBets(key, chunk === CHUNKS_PER_MESSAGE),
      );
      if (!hasMore) return;
    }
  }
}

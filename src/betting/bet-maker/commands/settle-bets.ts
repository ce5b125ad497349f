import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { Outbox } from '../../../kernel/outbox/outbox.js';
import { betsSettledMessages, type ChunkOfSettlement, nextChunkMessage } from '../bet.messages.js';
import { CHUNK, SettlementRepository } from '../settlement.repository.js';
import { NotificationRepository } from '../updates/notification.repository.js';

/**
 * Settles the next bets of an event and asks for those behind them, in one transaction: whoever dies in between leaves
 * the message to the next. A chunk that was settled before is left alone.
 */
export class SettleBets extends Command<void> {
  constructor(readonly chunk: ChunkOfSettlement) {
    super();
  }
}

@Handles(SettleBets)
export class SettleBetsHandler implements Handler<SettleBets> {
  constructor(
    private readonly settlements: SettlementRepository,
    private readonly outbox: Outbox,
    private readonly notifications: NotificationRepository,
  ) {}

  async execute({ chunk }: SettleBets): Promise<void> {
    const job = await this.settlements.take(chunk);
    if (!job) return;
    const next = await this.settlements.nextChunk(job);
    if (!next) {
      await this.settlements.finish(job);
      return;
    }
    const settled = await this.settlements.settle(job, next);
    await this.settlements.advance(job, next, settled.length);
    const { event_id, settlement } = job;
    const more =
      next.size < CHUNK ? [] : [nextChunkMessage({ event_id, settlement, behind: next.until })];
    await this.outbox.append([...more, ...betsSettledMessages(job, settled)]);
    this.notifications.announce();
  }
}

/** Carries on settlements whose message got lost; answers how many. */
export class ResumeSettlements extends Command<number> {}

@Handles(ResumeSettlements)
export class ResumeSettlementsHandler implements Handler<ResumeSettlements> {
  constructor(
    private readonly settlements: SettlementRepository,
    private readonly outbox: Outbox,
  ) {}

  async execute(): Promise<number> {
    const forgotten = await this.settlements.takeForgotten();
    await this.outbox.append(forgotten.map((chunk) => nextChunkMessage(chunk)));
    return forgotten.length;
  }
}

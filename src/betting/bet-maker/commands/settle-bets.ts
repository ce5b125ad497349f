import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { Outbox } from '../../../kernel/outbox/outbox.js';
import { betsSettledMessages, settleMessage, type SettlementKey } from '../bet.messages.js';
import { BetMetrics } from '../bet.metrics.js';
import { CHUNK, SettlementRepository } from '../settlement.repository.js';
import { NotificationRepository } from '../updates/notification.repository.js';

/**
 * Settles the next bets of an event, and answers whether there are more. With `handOn` the message that asks for those is
 * part of the same transaction. Repeated or at once with another one, it settles nothing twice.
 */
export class SettleBets extends Command<boolean> {
  constructor(
    readonly key: SettlementKey,
    readonly handOn: boolean,
  ) {
    super();
  }
}

@Handles(SettleBets)
export class SettleBetsHandler implements Handler<SettleBets> {
  constructor(
    private readonly settlements: SettlementRepository,
    private readonly outbox: Outbox,
    private readonly notifications: NotificationRepository,
    private readonly metrics: BetMetrics,
  ) {}

  async execute({ key, handOn }: SettleBets): Promise<boolean> {
    const job = await this.settlements.take(key);
    if (!job) return false;
    const chunk = await this.settlements.nextChunk(job);
    if (!chunk) {
      await this.settlements.finish(job);
      return false;
    }
    const settled = await this.settlements.settle(job, chunk);
    await this.settlements.advance(job, chunk, settled.length);
    const hasMore = chunk.size === CHUNK;
    const next = hasMore && handOn ? [settleMessage(key)] : [];
    await this.outbox.append([...next, ...betsSettledMessages(key, settled)]);
    this.notifications.announce();
    this.metrics.settled.inc(settled.length);
    return hasMore;
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
    await this.outbox.append(forgotten.map(settleMessage));
    return forgotten.length;
  }
}

import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { DispatchRepository } from '../dispatch.repository.js';
import { MessageRepository } from '../message.repository.js';
import { UsageRepository } from '../usage.repository.js';

const DAY_MS = 86_400_000;
/** Minutes and epochs are small, and what is asked of them is often asked about last year. */
const USAGE_DAYS = 400;

/** Deletes at most `limit` messages and journal entries that are older than `days` days. Answers how many. */
export class PurgeMessages extends Command<number> {
  constructor(
    readonly days: number,
    readonly limit: number,
  ) {
    super();
  }
}

@Handles(PurgeMessages)
export class PurgeMessagesHandler implements Handler<PurgeMessages> {
  constructor(
    private readonly clock: Clock,
    private readonly dispatches: DispatchRepository,
    private readonly messages: MessageRepository,
    private readonly usage: UsageRepository,
  ) {}

  async execute({ days, limit }: PurgeMessages): Promise<number> {
    // A day more, because the database's clock decides and may differ.
    const youngest = new Date(this.clock.now().getTime() - (days - 1) * DAY_MS);
    const messages = await this.messages.deleteFinished(days, lastIdOf(youngest), limit);
    const dispatches = await this.dispatches.deleteOld(days, limit);
    await this.usage.deleteOld(Math.max(days, USAGE_DAYS));
    return messages + dispatches;
  }
}

/** The greatest UUID v7 of that millisecond. */
function lastIdOf(instant: Date): string {
  const time = Math.max(0, instant.getTime()).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7fff-bfff-ffffffffffff`;
}

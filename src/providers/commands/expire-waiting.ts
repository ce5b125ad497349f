import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { MessageRepository } from '../message.repository.js';

/** Ends at most `limit` messages that have waited for the free provider as long as they may. Answers how many. */
export class ExpireWaiting extends Command<number> {
  constructor(readonly limit: number) {
    super();
  }
}

@Handles(ExpireWaiting)
export class ExpireWaitingHandler implements Handler<ExpireWaiting> {
  constructor(
    private readonly clock: Clock,
    private readonly messages: MessageRepository,
  ) {}

  async execute({ limit }: ExpireWaiting): Promise<number> {
    const expired = await this.messages.loadExpired(limit);
    const now = this.clock.now();
    for (const message of expired) {
      const { error } = message.state;
      if (error) message.refuse(error, now);
    }
    await this.messages.saveMany(expired, undefined);
    return expired.length;
  }
}

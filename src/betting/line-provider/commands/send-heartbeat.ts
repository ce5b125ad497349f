import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { Outbox } from '../../../kernel/outbox/outbox.js';
import { eventMessage } from '../../../kernel/outbox/outbox-message.js';
import { FeedRepository } from '../feed.repository.js';
import { HEARTBEAT } from '../line-provider.contracts.js';

/**
 * Tells that the feed lives, unless somebody did less than `everyMs` ago; answers how often, which is once or not at all.
 * Through the outbox: when changes do not get out, nor do heartbeats, and consumers see that the feed is stale.
 */
export class SendHeartbeat extends Command<number> {
  constructor(readonly everyMs: number) {
    super();
  }
}

@Handles(SendHeartbeat)
export class SendHeartbeatHandler implements Handler<SendHeartbeat> {
  constructor(
    private readonly feed: FeedRepository,
    private readonly outbox: Outbox,
  ) {}

  async execute({ everyMs }: SendHeartbeat): Promise<number> {
    const beat = await this.feed.beat(everyMs);
    if (!beat) return 0;
    await this.outbox.append([eventMessage({ type: HEARTBEAT, key: HEARTBEAT, data: beat })]);
    return 1;
  }
}

import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { DispatchRepository } from '../dispatch.repository.js';
import { DispatcherRepository } from '../dispatcher.repository.js';
import type { Message } from '../domain/message.js';
import { MessageRepository, type OpenCall } from '../message.repository.js';
import { UsageRepository } from '../usage.repository.js';

/**
 * Sets right what dead dispatchers held: a message without an open call goes back into the queue; of one whose call was
 * entered into the journal nobody knows whether it was made. Answers how many, and forgets the dead with the last.
 */
export class RecoverMessages extends Command<number> {
  constructor(
    readonly dead: readonly string[],
    readonly limit: number,
  ) {
    super();
  }
}

@Handles(RecoverMessages)
export class RecoverMessagesHandler implements Handler<RecoverMessages> {
  constructor(
    private readonly clock: Clock,
    private readonly dispatchers: DispatcherRepository,
    private readonly dispatches: DispatchRepository,
    private readonly messages: MessageRepository,
    private readonly usage: UsageRepository,
  ) {}

  async execute({ dead, limit }: RecoverMessages): Promise<number> {
    const abandoned = await this.messages.loadAbandoned(dead, limit);
    if (abandoned.length === 0) {
      await this.dispatchers.forget(dead);
      return 0;
    }
    const now = this.clock.now();
    for (const { message, openCall } of abandoned) recover(message, openCall, now);
    await this.messages.saveMany(
      abandoned.map(({ message }) => message),
      undefined,
    );
    const open = abandoned.flatMap(({ message, openCall }) =>
      openCall
        ? [{ messageId: message.state.id, ...openCall, outcome: 'unknown', isAvoidable: false }]
        : [],
    );
    await this.dispatches.settle(open);
    this.usage.add(open);
    return abandoned.length;
  }
}

function recover(message: Message, openCall: OpenCall | undefined, now: Date): void {
  if (!openCall) {
    message.handBack(now);
    return;
  }
  const result = {
    kind: 'unknown',
    code: 'process-died',
    message: 'The process that made the call died before its answer was recorded.',
  } as const;
  message.settle({ ...openCall, result }, now, Math.random());
}

import { Command } from '@nestjs/cqrs';
import { type BatchHandler, Handles } from '../../kernel/cqrs/handles.js';
import { DispatchRepository, type DispatchEnd } from '../dispatch.repository.js';
import type { Message } from '../domain/message.js';
import { MessageRepository } from '../message.repository.js';
import { type UsageDelta, UsageRepository } from '../usage.repository.js';

/** How a call ended, for the journal and for the usage. */
export interface EndedCall extends DispatchEnd, Omit<UsageDelta, 'calls'> {}

/**
 * Writes what became of a message that a dispatcher holds, with the outcome of its call if there was one. Answers
 * false when the dispatcher had lost the message by then; the journal is right all the same.
 */
export class FinishMessage extends Command<boolean> {
  constructor(
    readonly dispatcherId: string,
    readonly message: Message,
    readonly call?: EndedCall,
  ) {
    super();
  }
}

@Handles(FinishMessage, { batch: 500 })
export class FinishMessageHandler implements BatchHandler<FinishMessage> {
  constructor(
    private readonly dispatches: DispatchRepository,
    private readonly messages: MessageRepository,
    private readonly usage: UsageRepository,
  ) {}

  async executeMany(commands: readonly FinishMessage[]): Promise<boolean[]> {
    const saved = new Set<string>();
    for (const [id, ofOne] of Map.groupBy(commands, ({ dispatcherId }) => dispatcherId)) {
      const messages = ofOne.map(({ message }) => message);
      for (const one of await this.messages.saveMany(messages, id)) saved.add(one);
    }
    const calls = commands.flatMap(({ call }) => call ?? []);
    await this.dispatches.settle(calls);
    this.usage.add(calls);
    return commands.map(({ message }) => saved.has(message.state.id));
  }
}

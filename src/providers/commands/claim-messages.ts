import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import type { Message } from '../domain/message.js';
import { MessageRepository } from '../message.repository.js';

/**
 * Gives messages to a dispatcher to be sent: those that wait for the free provider first, then those that are queued.
 * Answers none when the dispatcher was declared dead.
 */
export class ClaimMessages extends Command<Message[]> {
  constructor(
    readonly dispatcherId: string,
    readonly limits: { readonly waiting: number; readonly queued: number },
  ) {
    super();
  }
}

@Handles(ClaimMessages)
export class ClaimMessagesHandler implements Handler<ClaimMessages> {
  constructor(private readonly messages: MessageRepository) {}

  async execute({ dispatcherId, limits }: ClaimMessages): Promise<Message[]> {
    const waiting =
      limits.waiting > 0 ? await this.messages.claimWaiting(dispatcherId, limits.waiting) : [];
    const rest = limits.queued - waiting.length;
    const queued = rest > 0 ? await this.messages.claimQueued(dispatcherId, rest) : [];
    return [...waiting, ...queued];
  }
}

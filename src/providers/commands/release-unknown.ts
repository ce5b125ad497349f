import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { MessageRepository } from '../message.repository.js';

/** Gives back messages that a living dispatcher holds without knowing it. Not while it claims. Answers how many. */
export class ReleaseUnknown extends Command<number> {
  constructor(
    readonly dispatcherId: string,
    readonly knownIds: readonly string[],
  ) {
    super();
  }
}

@Handles(ReleaseUnknown)
export class ReleaseUnknownHandler implements Handler<ReleaseUnknown> {
  constructor(private readonly messages: MessageRepository) {}

  execute({ dispatcherId, knownIds }: ReleaseUnknown): Promise<number> {
    return this.messages.releaseUnknown(dispatcherId, knownIds);
  }
}

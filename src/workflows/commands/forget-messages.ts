import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { NewsRepository } from '../news.repository.js';

/** Deletes at most `limit` messages that nobody has waited for in their time; answers how many. */
export class ForgetMessages extends Command<number> {
  constructor(readonly limit: number) {
    super();
  }
}

@Handles(ForgetMessages)
export class ForgetMessagesHandler implements Handler<ForgetMessages> {
  constructor(
    private readonly clock: Clock,
    private readonly news: NewsRepository,
  ) {}

  execute({ limit }: ForgetMessages): Promise<number> {
    return this.news.forgetExpired(this.clock.now(), limit);
  }
}

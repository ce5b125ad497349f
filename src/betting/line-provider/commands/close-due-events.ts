import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../../kernel/cqrs/handles.js';
import { LineEventRepository } from '../line-event.repository.js';

/**
 * Closes at most `limit` events whose deadline has passed by the database's clock. Any number of processes may do it at
 * once: the row's lock gives an event to one of them, and its status is changed with it. Answers how many.
 */
export class CloseDueEvents extends Command<number> {
  constructor(readonly limit: number) {
    super();
  }
}

@Handles(CloseDueEvents)
export class CloseDueEventsHandler implements Handler<CloseDueEvents> {
  constructor(private readonly events: LineEventRepository) {}

  async execute({ limit }: CloseDueEvents): Promise<number> {
    const due = await this.events.loadDue(limit);
    if (due.length === 0) return 0;
    const now = await this.events.now();
    for (const event of due) event.closeIfDue(now);
    const told = due.flatMap((event) => event.releaseEvents());
    await this.events.saveMany(told.map((event) => ({ event, context: undefined })));
    return due.length;
  }
}

import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { runMessages } from '../task.messages.js';
import { TaskRepository } from '../task.repository.js';

/**
 * Asks again for tasks that have been due for a while, when the broker's queues cannot hold as many of them: it lost some, with its disk or otherwise. Asking twice is harmless. Answers how many.
 */
export class RedispatchTasks extends Command<number> {
  constructor(
    /** Tasks that the messages in the run queues may carry. */
    readonly queued: number,
    readonly limit: number,
  ) {
    super();
  }
}

@Handles(RedispatchTasks)
export class RedispatchTasksHandler implements Handler<RedispatchTasks> {
  constructor(
    private readonly tasks: TaskRepository,
    private readonly outbox: Outbox,
  ) {}

  async execute({ queued, limit }: RedispatchTasks): Promise<number> {
    // The broker delivers in order, so those it lost are most likely the oldest.
    const lost = await this.tasks.loadUnqueued(queued, limit);
    await this.outbox.append(runMessages(lost.map((task) => task.state)));
    return lost.length;
  }
}

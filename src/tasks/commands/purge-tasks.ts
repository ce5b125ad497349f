import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TaskRepository } from '../task.repository.js';

/** Deletes at most `limit` tasks that finished more than `days` days ago. Answers how many. */
export class PurgeTasks extends Command<number> {
  constructor(
    readonly days: number,
    readonly limit: number,
  ) {
    super();
  }
}

@Handles(PurgeTasks)
export class PurgeTasksHandler implements Handler<PurgeTasks> {
  constructor(private readonly tasks: TaskRepository) {}

  execute({ days, limit }: PurgeTasks): Promise<number> {
    return this.tasks.deleteFinished(days, limit);
  }
}

import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { lastIdOf } from '../queries/list-tasks.js';
import { TaskRepository } from '../task.repository.js';

const DAY_MS = 86_400_000;

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
  constructor(
    private readonly clock: Clock,
    private readonly tasks: TaskRepository,
  ) {}

  execute({ days, limit }: PurgeTasks): Promise<number> {
    // A day more, because the database's clock decides and may differ.
    const youngest = new Date(this.clock.now().getTime() - (days - 1) * DAY_MS);
    return this.tasks.deleteFinished(days, lastIdOf(youngest), limit);
  }
}

import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TaskRepository } from '../task.repository.js';

/**
 * Takes tasks away from workers whose lease has ended and has them run again, at most `limit` at once; a task
 * under which three processes died fails as poison. Answers how many.
 */
export class RecoverTasks extends Command<number> {
  constructor(readonly limit: number) {
    super();
  }
}

@Handles(RecoverTasks)
export class RecoverTasksHandler implements Handler<RecoverTasks> {
  constructor(
    private readonly clock: Clock,
    private readonly tasks: TaskRepository,
  ) {}

  async execute({ limit }: RecoverTasks): Promise<number> {
    const tasks = await this.tasks.loadAbandoned(limit);
    const now = this.clock.now();
    for (const task of tasks) {
      task.settle(
        {
          kind: 'failure',
          nature: 'crash',
          code: 'worker-lost',
          message: 'The worker died or fell silent during this attempt.',
        },
        now,
        0,
      );
    }
    if (tasks.length > 0) await this.tasks.saveMany(tasks);
    return tasks.length;
  }
}

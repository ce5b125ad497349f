import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TaskRepository } from '../task.repository.js';

/**
 * Hands back tasks that are in progress under a living worker which knows nothing of them: the answer to its claim
 * was lost with a connection. The attempt is not counted. Answers how many.
 */
export class HandBackUnknown extends Command<number> {
  constructor(
    readonly workerId: string,
    /** What the worker runs, or is about to claim. */
    readonly knownIds: readonly string[],
  ) {
    super();
  }
}

@Handles(HandBackUnknown)
export class HandBackUnknownHandler implements Handler<HandBackUnknown> {
  constructor(
    private readonly clock: Clock,
    private readonly tasks: TaskRepository,
  ) {}

  async execute({ workerId, knownIds }: HandBackUnknown): Promise<number> {
    const tasks = await this.tasks.loadUnknown(workerId, knownIds);
    const now = this.clock.now();
    for (const task of tasks) task.handBack(now);
    if (tasks.length > 0) await this.tasks.saveMany(tasks);
    return tasks.length;
  }
}

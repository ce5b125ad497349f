import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type BatchHandler, Handles } from '../../kernel/cqrs/handles.js';
import type { Task } from '../domain/task.js';
import type { AttemptResult } from '../domain/task.state.js';
import { TaskRepository } from '../task.repository.js';

/**
 * Records how an attempt ended (`handed-back`: it had to stop and is to be run again). Answers false when the
 * worker had lost the task by then; the record is left as it is.
 */
export class FinishAttempt extends Command<boolean> {
  constructor(
    readonly task: Task,
    readonly workerId: string,
    readonly result: AttemptResult | { readonly kind: 'handed-back' },
  ) {
    super();
  }
}

@Handles(FinishAttempt, { batch: 500 })
export class FinishAttemptHandler implements BatchHandler<FinishAttempt> {
  constructor(
    private readonly clock: Clock,
    private readonly tasks: TaskRepository,
  ) {}

  async executeMany(commands: readonly FinishAttempt[]): Promise<boolean[]> {
    const now = this.clock.now();
    const settled = commands.map(({ task, result }) => {
      const copy = task.copy();
      if (result.kind === 'handed-back') copy.handBack(now);
      else copy.settle(result, now, Math.random());
      return copy;
    });
    const saved = await this.tasks.saveMany(
      settled,
      commands.map(({ workerId }) => ({ owner: workerId })),
    );
    return commands.map(({ task }) => saved.has(task.state.id));
  }
}

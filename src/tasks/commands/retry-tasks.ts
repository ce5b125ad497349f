import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TaskRepository } from '../task.repository.js';
import type { RetriableFilter } from '../tasks.dto.js';

export interface RetryBatch {
  readonly filter: RetriableFilter;
  /** Go on behind this task; the batch before told it. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface RetriedBatch {
  readonly retried: number;
  /** Undefined when nothing was left to be retried. */
  readonly last: string | undefined;
}

/** Retries the next failed or cancelled tasks of a filter, oldest first; those that somebody else changes just now are left out. */
export class RetryTasks extends Command<RetriedBatch> {
  constructor(readonly batch: RetryBatch) {
    super();
  }
}

@Handles(RetryTasks)
export class RetryTasksHandler implements Handler<RetryTasks> {
  constructor(
    private readonly clock: Clock,
    private readonly tasks: TaskRepository,
  ) {}

  async execute({ batch: { filter, after, limit } }: RetryTasks): Promise<RetriedBatch> {
    const tasks = await this.tasks.loadMatching(filter, after, limit);
    const now = this.clock.now();
    for (const task of tasks) task.retry(now);
    if (tasks.length > 0) await this.tasks.saveMany(tasks);
    return { retried: tasks.length, last: tasks.at(-1)?.state.id };
  }
}

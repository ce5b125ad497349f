import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TaskNotFound } from '../domain/task.errors.js';
import { TaskRepository } from '../task.repository.js';
import { toView } from '../task.view.js';
import type { TaskView } from '../tasks.dto.js';

/** Runs a failed or cancelled task again, with as many attempts as at first. Throws `TaskNotFound`, `TaskNotRetriable`. */
export class RetryTask extends Command<TaskView> {
  constructor(
    readonly taskId: string,
    /** Only if this user owns it. */
    readonly ownerId?: string,
  ) {
    super();
  }
}

@Handles(RetryTask)
export class RetryTaskHandler implements Handler<RetryTask> {
  constructor(
    private readonly clock: Clock,
    private readonly tasks: TaskRepository,
  ) {}

  async execute({ taskId, ownerId }: RetryTask): Promise<TaskView> {
    const [task] = await this.tasks.loadMany([taskId]);
    if (!task?.isOpenTo(ownerId)) throw new TaskNotFound(taskId);
    task.retry(this.clock.now());
    await this.tasks.saveMany([task]);
    return toView(task.state);
  }
}

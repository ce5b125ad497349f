import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TaskNotFound } from '../domain/task.errors.js';
import { TaskRepository } from '../task.repository.js';
import { toView } from '../task.view.js';
import type { TaskView } from '../tasks.dto.js';

/** Cancels a task that is new or in progress; its run is aborted within two seconds. Throws `TaskNotFound`, `TaskAlreadyFinished`. */
export class CancelTask extends Command<TaskView> {
  constructor(
    readonly taskId: string,
    /** Only if this user owns it. */
    readonly ownerId?: string,
  ) {
    super();
  }
}

@Handles(CancelTask)
export class CancelTaskHandler implements Handler<CancelTask> {
  constructor(
    private readonly clock: Clock,
    private readonly tasks: TaskRepository,
  ) {}

  async execute({ taskId, ownerId }: CancelTask): Promise<TaskView> {
    const [task] = await this.tasks.loadMany([taskId]);
    if (!task?.isOpenTo(ownerId)) throw new TaskNotFound(taskId);
    task.cancel(this.clock.now());
    await this.tasks.saveMany([task]);
    return toView(task.state);
  }
}

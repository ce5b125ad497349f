import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type BatchHandler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import type { DomainError } from '../../kernel/domain/domain-error.js';
import { Task } from '../domain/task.js';
import { TaskAlreadyFinished, TaskNotFound } from '../domain/task.errors.js';
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

@Handles(CancelTask, { batch: 500 })
export class CancelTaskHandler implements BatchHandler<CancelTask> {
  constructor(
    private readonly clock: Clock,
    private readonly tasks: TaskRepository,
  ) {}

  async executeMany(commands: readonly CancelTask[]): Promise<Outcome<TaskView>[]> {
    const found = await this.tasks.loadMany(commands.map(({ taskId }) => taskId));
    const tasks = new Map(found.map((task) => [task.state.id, task]));
    const outcomes = commands.map((command) => this.#cancel(tasks.get(command.taskId), command));
    const cancelled = new Set(outcomes.flatMap((one) => (one instanceof Task ? one : [])));
    if (cancelled.size > 0) await this.tasks.saveMany([...cancelled]);
    return outcomes.map((one) => (one instanceof Task ? toView(one.state) : one));
  }

  #cancel(task: Task | undefined, { taskId, ownerId }: CancelTask): Task | DomainError {
    if (!task?.isOpenTo(ownerId)) return new TaskNotFound(taskId);
    if (task.isFinished) return new TaskAlreadyFinished(taskId, task.state.status);
    task.cancel(this.clock.now());
    return task;
  }
}

import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { UserTaskClaimed, UserTaskOfAnother } from '../domain/workflow.errors.js';
import { type Actor, isOfAnother, openFor } from '../user-task.access.js';
import { UserTaskRepository } from '../user-task.repository.js';

/**
 * Takes a task for the actor, or gives it back to all who may do it. Throws `UserTaskNotFound`, `UserTaskNotOpen`,
 * `UserTaskOfAnother`, `UserTaskClaimed`.
 */
export class AssignUserTask extends Command<void> {
  constructor(
    readonly id: string,
    readonly act: 'claim' | 'release',
    readonly actor: Actor,
  ) {
    super();
  }
}

@Handles(AssignUserTask)
export class AssignUserTaskHandler implements Handler<AssignUserTask> {
  constructor(
    private readonly clock: Clock,
    private readonly userTasks: UserTaskRepository,
  ) {}

  async execute({ id, act, actor }: AssignUserTask): Promise<void> {
    const task = openFor(actor, id, (await this.userTasks.load([id])).get(id));
    if (task instanceof DomainError) throw task;
    if (isOfAnother(task, actor)) {
      if (act === 'claim') throw new UserTaskClaimed(id);
      if (!actor.operates) throw new UserTaskOfAnother(id);
    }
    const assignee = act === 'claim' ? actor.id : null;
    if (!(await this.userTasks.assign(task, assignee, this.clock.now())))
      throw new UserTaskClaimed(id);
  }
}

import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import {
  UserTaskClaimed,
  UserTaskNotFound,
  UserTaskNotOpen,
  UserTaskOfAnother,
} from '../domain/workflow.errors.js';
import { type Actor, mayDo } from '../user-task.access.js';
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
    const task = (await this.userTasks.load([id])).get(id);
    if (!task) throw new UserTaskNotFound(id);
    if (!mayDo(actor, task)) throw new UserTaskOfAnother(id);
    if (task.status !== 'created' && task.status !== 'claimed')
      throw new UserTaskNotOpen(id, task.status);
    const isOfAnother = task.assignee !== null && task.assignee !== actor.id;
    if (isOfAnother && act === 'claim') throw new UserTaskClaimed(id);
    if (isOfAnother && !actor.operates) throw new UserTaskOfAnother(id);
    const assignee = act === 'claim' ? actor.id : null;
    if (!(await this.userTasks.assign(task, assignee, this.clock.now())))
      throw new UserTaskClaimed(id);
  }
}

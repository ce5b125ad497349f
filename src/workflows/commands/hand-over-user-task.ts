import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { type HandOver, handedOver } from '../domain/hand-over.js';
import { UserTaskClaimed } from '../domain/workflow.errors.js';
import { published } from '../runtime/messages.js';
import { userTaskAssigned } from '../runtime/user-tasks.js';
import { type Actor, openFor } from '../user-task.access.js';
import { type UserTask, UserTaskRepository } from '../user-task.repository.js';

/**
 * Takes a task for the actor, gives it back, or gives it to another. Of two at once one wins. Throws `UserTaskNotFound`,
 * `UserTaskNotOpen`, `UserTaskOfAnother`, `UserTaskClaimed`, `UserTaskUnclaimed`.
 */
export class HandOverUserTask extends Command<void> {
  constructor(
    readonly id: string,
    readonly wish: HandOver,
    readonly actor: Actor,
  ) {
    super();
  }
}

@Handles(HandOverUserTask)
export class HandOverUserTaskHandler implements Handler<HandOverUserTask> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly clock: Clock,
    private readonly outbox: Outbox,
    private readonly userTasks: UserTaskRepository,
  ) {}

  async execute({ id, wish, actor }: HandOverUserTask): Promise<void> {
    const task = await this.#open(id, actor);
    const hands = handedOver(task, wish, actor);
    if (hands instanceof DomainError) throw hands;
    if (hands.assignee === task.assignee && hands.owner === task.owner) return;
    if (!(await this.userTasks.assign(task, hands, this.clock.now()))) {
      await this.#open(id, actor); // says so if it has ended meanwhile
      throw new UserTaskClaimed(id);
    }
    const event = userTaskAssigned({ ...task, ...hands }, actor.id);
    await this.outbox.append(published(this.env, [event]));
  }

  async #open(id: string, actor: Actor): Promise<UserTask> {
    const task = openFor(actor, id, (await this.userTasks.load([id])).get(id));
    if (task instanceof DomainError) throw task;
    return task;
  }
}

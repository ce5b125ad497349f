import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { Ids } from '../../kernel/ids.js';
import { type Actor, knownTo } from '../user-task.access.js';
import { UserTaskRepository } from '../user-task.repository.js';
import type { CommentView } from '../user-tasks.dto.js';

/** Says something about a task, also about one that has ended. Throws `UserTaskNotFound`, `UserTaskOfAnother`. */
export class CommentUserTask extends Command<CommentView> {
  constructor(
    readonly id: string,
    readonly text: string,
    readonly actor: Actor,
  ) {
    super();
  }
}

@Handles(CommentUserTask)
export class CommentUserTaskHandler implements Handler<CommentUserTask> {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly userTasks: UserTaskRepository,
  ) {}

  async execute({ id, text, actor }: CommentUserTask): Promise<CommentView> {
    const task = knownTo(actor, id, (await this.userTasks.load([id])).get(id));
    if (task instanceof DomainError) throw task;
    const comment = { id: this.ids.next(), author: actor.id, text, created_at: this.clock.now() };
    await this.userTasks.comment(id, comment);
    return comment;
  }
}

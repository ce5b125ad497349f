import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import { UserTaskNotFound } from '../domain/workflow.errors.js';
import type { Actor } from '../user-task.access.js';
import { candidatesOf } from '../user-task.repository.js';
import type {
  CommentView,
  ListCommentsRequest,
  ListUserTasksRequest,
  UserTaskView,
} from '../user-tasks.dto.js';

const VIEW = `id, instance_id, workflow, version, business_key, node, title, roles, users, assignee, owner, status,
  outcomes, form, data, due_at, outcome, result, completed_by, created_at, updated_at`;

/** Those that the actor has to do with: each part of it has an index. `$1` and `$2` are {@link actorParameters}. */
const IS_FOR_ACTOR = `(candidates && $1::text[] or assignee = $2 or owner = $2)`;

const actorParameters = ({ id, roles }: Actor): unknown[] => [
  ['*', ...candidatesOf({ roles, users: [id] })],
  id,
];

/** Throws `UserTaskNotFound`, also for a task that is not for the actor. */
export class GetUserTask extends Query<UserTaskView> {
  constructor(
    readonly id: string,
    readonly actor: Actor,
  ) {
    super();
  }
}

@Handles(GetUserTask)
export class GetUserTaskHandler implements Handler<GetUserTask> {
  constructor(private readonly database: Database) {}

  async execute({ id, actor }: GetUserTask): Promise<UserTaskView> {
    const [row] = await this.database.query<UserTaskView>(
      `select ${VIEW} from workflows.user_task where (${IS_FOR_ACTOR} or $3) and id = $4`,
      [...actorParameters(actor), actor.operates, id],
    );
    if (!row) throw new UserTaskNotFound(id);
    return row;
  }
}

/** Oldest first, of those that are for the actor. Throws `ValidationError` for a broken cursor. */
export class ListUserTasks extends Query<Page<UserTaskView>> {
  constructor(
    readonly request: ListUserTasksRequest,
    readonly actor: Actor,
  ) {
    super();
  }
}

@Handles(ListUserTasks)
export class ListUserTasksHandler implements Handler<ListUserTasks> {
  constructor(private readonly database: Database) {}

  async execute({ request, actor }: ListUserTasks): Promise<Page<UserTaskView>> {
    const { limit, cursor, status } = request;
    const after = cursor === undefined ? undefined : decodeCursor(uuidParam, cursor);
    const parameters: unknown[] = actor.operates ? [] : actorParameters(actor);
    const conditions = actor.operates ? ['true'] : [IS_FOR_ACTOR];
    const add = (condition: string, value: unknown): void => {
      if (value === undefined) return;
      conditions.push(condition.replace('?', `$${String(parameters.push(value))}`));
    };
    if (status === 'open') conditions.push(`status in ('created', 'claimed')`);
    else add('status = ?', status);
    add('candidates @> array[?]', request.role && `role:${request.role}`);
    add('assignee = ?', request.assignee);
    add('instance_id = ?', request.instance_id);
    add('workflow = ?', request.workflow);
    add('business_key = ?', request.business_key);
    add('due_at < ?', request.due_before);
    add('id > ?', after);
    const rows = await this.database.query<UserTaskView>(
      `select ${VIEW} from workflows.user_task where ${conditions.join(' and ')}
       order by id limit $${String(parameters.push(limit + 1))}`,
      parameters,
    );
    return page(rows, limit, ({ id }) => id);
  }
}

/** Oldest first. Throws `UserTaskNotFound`, also for a task that is not for the actor. */
export class ListComments extends Query<Page<CommentView>> {
  constructor(
    readonly id: string,
    readonly request: ListCommentsRequest,
    readonly actor: Actor,
  ) {
    super();
  }
}

@Handles(ListComments)
export class ListCommentsHandler implements Handler<ListComments> {
  constructor(
    private readonly database: Database,
    private readonly mediator: Mediator,
  ) {}

  async execute({ id, request, actor }: ListComments): Promise<Page<CommentView>> {
    const { limit, cursor } = request;
    const after = cursor === undefined ? null : decodeCursor(uuidParam, cursor);
    await this.mediator.ask(new GetUserTask(id, actor));
    const rows = await this.database.query<CommentView>(
      `select id, author, text, created_at from workflows.user_task_comment
       where user_task_id = $1 and ($2::uuid is null or id > $2) order by id limit $3`,
      [id, after, limit + 1],
    );
    return page(rows, limit, (comment) => comment.id);
  }
}

import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import { UserTaskNotFound } from '../domain/workflow.errors.js';
import type { Actor } from '../user-task.access.js';
import type { ListUserTasksRequest, UserTaskView } from '../user-tasks.dto.js';

const VIEW = `id, instance_id, workflow, version, business_key, node, title, roles, users, assignee, status, outcomes,
  form, data, due_at, outcome, result, completed_by, created_at, updated_at`;

/** Those that the actor may do. `$1` to `$3` are {@link actorParameters}. */
const IS_FOR_ACTOR = `($1 or users @> array[$2] or roles && $3::text[] or assignee = $2
  or (roles = '{}' and users = '{}'))`;

const actorParameters = ({ id, roles, operates }: Actor): unknown[] => [operates, id, roles];

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
      `select ${VIEW} from workflows.user_task where ${IS_FOR_ACTOR} and id = $4`,
      [...actorParameters(actor), id],
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
    const parameters = actorParameters(actor);
    const conditions = [IS_FOR_ACTOR];
    const add = (condition: string, value: unknown): void => {
      if (value === undefined) return;
      conditions.push(condition.replace('?', `$${String(parameters.push(value))}`));
    };
    if (status === 'open') conditions.push(`status in ('created', 'claimed')`);
    else add('status = ?', status);
    add('roles @> array[?]', request.role);
    add('assignee = ?', request.assignee);
    add('instance_id = ?', request.instance_id);
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

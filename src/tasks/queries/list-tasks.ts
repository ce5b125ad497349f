import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import { VIEW_COLUMNS } from '../task.view.js';
import type { ListTasksRequest, TaskFilter, TaskView } from '../tasks.dto.js';

/** Newest first; only those of `ownerId` where it is given. Throws `ValidationError` for a broken cursor. */
export class ListTasks extends Query<Page<TaskView>> {
  constructor(
    readonly request: ListTasksRequest,
    readonly ownerId?: string,
  ) {
    super();
  }
}

@Handles(ListTasks)
export class ListTasksHandler implements Handler<ListTasks> {
  constructor(private readonly database: Database) {}

  async execute({ request, ownerId }: ListTasks): Promise<Page<TaskView>> {
    const { sql, parameters } = taskConditions(request);
    const own = ownerId === undefined ? '' : ` and owner_id = $${String(parameters.push(ownerId))}`;
    const before =
      request.cursor === undefined ? undefined : decodeCursor(uuidParam, request.cursor);
    const place = before === undefined ? '' : ` and id < $${String(parameters.push(before))}`;
    const rows = await this.database.query<TaskView>(
      `select ${VIEW_COLUMNS} from tasks.task where ${sql}${own}${place}
       order by id desc limit $${String(parameters.push(request.limit + 1))}`,
      parameters,
    );
    return page(rows, request.limit, (task) => task.id);
  }
}

/** The filter as SQL. Ids begin with their time, so that "created after" is a range of the same index. */
export function taskConditions(filter: TaskFilter): { sql: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const conditions = ['true'];
  const add = (condition: string, value: unknown) => {
    parameters.push(value);
    conditions.push(condition.replace('?', `$${String(parameters.length)}`));
  };
  if (filter.status !== undefined) add('status = ?', filter.status);
  if (filter.kind !== undefined) add('kind = ?', filter.kind);
  if (filter.queue !== undefined) add('queue = ?', filter.queue);
  if (filter.created_after !== undefined) add('id > ?', lastIdOf(new Date(filter.created_after)));
  return { sql: conditions.join(' and '), parameters };
}

/** The greatest UUID v7 of that millisecond. */
export function lastIdOf(instant: Date): string {
  const time = Math.max(0, instant.getTime()).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7fff-bfff-ffffffffffff`;
}

import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import { TaskNotFound } from '../domain/task.errors.js';
import { VIEW_COLUMNS } from '../task.view.js';
import type { TaskView } from '../tasks.dto.js';

/** Throws `TaskNotFound`, also for the task of another than `ownerId`. */
export class GetTask extends Query<TaskView> {
  constructor(
    readonly taskId: string,
    readonly ownerId?: string,
  ) {
    super();
  }
}

@Handles(GetTask)
export class GetTaskHandler implements Handler<GetTask> {
  constructor(private readonly database: Database) {}

  async execute({ taskId, ownerId }: GetTask): Promise<TaskView> {
    const [task] = await this.database.query<TaskView>(
      `select ${VIEW_COLUMNS} from tasks.task where id = $1 and ($2::uuid is null or owner_id = $2)`,
      [taskId, ownerId ?? null],
    );
    if (!task) throw new TaskNotFound(taskId);
    return task;
  }
}

import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import { TaskNotFound } from '../domain/task.errors.js';
import { VIEW_COLUMNS } from '../task.view.js';
import type { TaskView } from '../tasks.dto.js';

/** Throws `TaskNotFound`. */
export class GetTask extends Query<TaskView> {
  constructor(readonly taskId: string) {
    super();
  }
}

@Handles(GetTask)
export class GetTaskHandler implements Handler<GetTask> {
  constructor(private readonly database: Database) {}

  async execute({ taskId }: GetTask): Promise<TaskView> {
    const [task] = await this.database.query<TaskView>(
      `select ${VIEW_COLUMNS} from tasks.task where id = $1`,
      [taskId],
    );
    if (!task) throw new TaskNotFound(taskId);
    return task;
  }
}

import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import type { TaskFilter } from '../tasks.dto.js';
import { taskConditions } from './list-tasks.js';
import { TaskCounts } from './task-counts.js';

/** How many tasks the filter matches. Status and kind alone are read off the maintained counts. */
export class CountTasks extends Query<number> {
  constructor(readonly filter: TaskFilter) {
    super();
  }
}

@Handles(CountTasks)
export class CountTasksHandler implements Handler<CountTasks> {
  constructor(
    private readonly counts: TaskCounts,
    private readonly database: Database,
  ) {}

  async execute({ filter }: CountTasks): Promise<number> {
    const { status, kind, queue, created_after: createdAfter } = filter;
    if (queue === undefined && createdAfter === undefined) {
      const counted = (await this.counts.perKind()).filter(
        (row) => (kind ?? row.kind) === row.kind && (status ?? row.status) === row.status,
      );
      return counted.reduce((sum, row) => sum + row.count, 0);
    }
    const { sql, parameters } = taskConditions(filter);
    const [row] = await this.database.query<{ count: number }>(
      `select count(*)::float as count from tasks.task where ${sql}`,
      parameters,
    );
    return row?.count ?? 0;
  }
}

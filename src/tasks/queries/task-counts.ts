import { Injectable } from '@nestjs/common';
import { Database } from '../../kernel/persistence/database.js';
import type { TaskStatus } from '../domain/task.state.js';

export interface TaskCount {
  readonly kind: string;
  readonly status: TaskStatus;
  readonly count: number;
}

/** Maintained counts: exact, and read without touching the tasks. */
@Injectable()
export class TaskCounts {
  constructor(private readonly database: Database) {}

  perKind(): Promise<TaskCount[]> {
    return this.database.query<TaskCount>(
      `select kind, status, sum(count)::float as count from (
         select kind, status, count from tasks.task_count
         union all select kind, status, delta from tasks.task_count_delta) as counted
       group by kind, status having sum(count) <> 0 order by kind, status`,
    );
  }

  /** Counted one by one: one user's tasks are few beside all of them. */
  perKindOf(ownerId: string): Promise<TaskCount[]> {
    return this.database.query<TaskCount>(
      `select kind, status, count(*)::float as count from tasks.task where owner_id = $1
       group by kind, status order by kind, status`,
      [ownerId],
    );
  }

  async total(status: TaskStatus): Promise<number> {
    const counts = await this.perKind();
    return counts.filter((row) => row.status === status).reduce((sum, row) => sum + row.count, 0);
  }

  /** Adds the deltas to the totals, so that reading stays cheap. */
  async fold(): Promise<void> {
    await this.database.query(
      `with folded as (delete from tasks.task_count_delta returning *)
       insert into tasks.task_count as total (kind, status, count)
       select kind, status, sum(delta) from folded group by kind, status order by kind, status
       on conflict (kind, status) do update set count = total.count + excluded.count`,
    );
  }
}

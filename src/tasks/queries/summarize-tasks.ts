import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TASK_STATUSES } from '../domain/task.state.js';
import type { StatusCounts, TaskSummary } from '../tasks.dto.js';
import { type TaskCount, TaskCounts } from './task-counts.js';

/** Exact counts per status and kind, however many tasks there are; only of those of `ownerId` where it is given. */
export class SummarizeTasks extends Query<TaskSummary> {
  constructor(readonly ownerId?: string) {
    super();
  }
}

@Handles(SummarizeTasks)
export class SummarizeTasksHandler implements Handler<SummarizeTasks> {
  constructor(private readonly counts: TaskCounts) {}

  async execute({ ownerId }: SummarizeTasks): Promise<TaskSummary> {
    const counts = await (ownerId === undefined
      ? this.counts.perKind()
      : this.counts.perKindOf(ownerId));
    const kinds = [...new Set(counts.map((row) => row.kind))];
    return {
      total: counts.reduce((sum, row) => sum + row.count, 0),
      by_status: byStatus(counts),
      kinds: kinds.map((kind) => ({
        kind,
        by_status: byStatus(counts.filter((row) => row.kind === kind)),
      })),
    };
  }
}

function byStatus(counts: readonly TaskCount[]): StatusCounts {
  const sum = (status: string) =>
    counts.filter((row) => row.status === status).reduce((total, row) => total + row.count, 0);
  return Object.fromEntries(TASK_STATUSES.map((status) => [status, sum(status)])) as StatusCounts;
}

import { Query } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import { TaskSchedule } from '../domain/task-schedule.js';
import { TaskScheduleNotFound } from '../domain/task.errors.js';
import { type ScheduleRow, toScheduleState, toScheduleView } from '../schedule.rows.js';
import type { ScheduleView } from '../task-schedules.dto.js';

/** Throws `TaskScheduleNotFound`. */
export class GetSchedule extends Query<ScheduleView> {
  constructor(readonly scheduleId: string) {
    super();
  }
}

/** Newest first. Throws `ValidationError` for a broken cursor. */
export class ListSchedules extends Query<Page<ScheduleView>> {
  constructor(readonly request: { readonly limit: number; readonly cursor?: string | undefined }) {
    super();
  }
}

@Handles(GetSchedule)
export class GetScheduleHandler implements Handler<GetSchedule> {
  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
  ) {}

  async execute({ scheduleId }: GetSchedule): Promise<ScheduleView> {
    const [row] = await this.database.query<ScheduleRow>(
      `select * from tasks.schedule where id = $1`,
      [scheduleId],
    );
    if (!row) throw new TaskScheduleNotFound(scheduleId);
    return viewOf(row, this.clock.now());
  }
}

@Handles(ListSchedules)
export class ListSchedulesHandler implements Handler<ListSchedules> {
  constructor(
    private readonly clock: Clock,
    private readonly database: Database,
  ) {}

  async execute({ request: { limit, cursor } }: ListSchedules): Promise<Page<ScheduleView>> {
    const before = cursor === undefined ? null : decodeCursor(uuidParam, cursor);
    const rows = await this.database.query<ScheduleRow>(
      `select * from tasks.schedule where $1::uuid is null or id < $1 order by id desc limit $2`,
      [before, limit + 1],
    );
    const now = this.clock.now();
    return page(
      rows.map((row) => viewOf(row, now)),
      limit,
      (schedule) => schedule.id,
    );
  }
}

function viewOf(row: ScheduleRow, now: Date): ScheduleView {
  return toScheduleView(TaskSchedule.of(toScheduleState(row)), now);
}

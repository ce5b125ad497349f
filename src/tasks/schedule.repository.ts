import { Injectable } from '@nestjs/common';
import { sqlState } from '../kernel/persistence/postgres-errors.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import { TaskSchedule, type TaskScheduleState } from './domain/task-schedule.js';
import { TaskScheduleNameTaken } from './domain/task.errors.js';
import { type ScheduleRow, toScheduleState } from './schedule.rows.js';

const COLUMNS = `id, name, cron, time_zone, task, missed, paused, next_run_at, last_run_at, last_task_id, last_error,
  created_at, updated_at`;
const GIVEN = `(select id, name, cron, time_zone, task::json, missed, paused, next_run_at, last_run_at, last_task_id,
    last_error::json, created_at, updated_at
  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[],
    $8::timestamptz[], $9::timestamptz[], $10::uuid[], $11::text[], $12::timestamptz[], $13::timestamptz[])
  as given (${COLUMNS}))`;

const UNIQUE_VIOLATION = '23505';

/** The only code that writes schedules, in the open Unit of Work. */
@Injectable()
export class ScheduleRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Returns the ids of those inserted; a schedule whose name is taken is left out. */
  async insertMany(schedules: readonly TaskSchedule[]): Promise<Set<string>> {
    const rows = await this.unitOfWork.query<{ id: string }>(
      `insert into tasks.schedule (${COLUMNS}) ${GIVEN} on conflict (name) do nothing returning id`,
      columnsOf(schedules),
    );
    return new Set(rows.map((row) => row.id));
  }

  /** Locks and loads. */
  async load(id: string): Promise<TaskSchedule | undefined> {
    const [row] = await this.unitOfWork.query<ScheduleRow>(
      `select * from tasks.schedule where id = $1 for update`,
      [id],
    );
    return row && TaskSchedule.of(toScheduleState(row));
  }

  /** Locks and loads schedules with an occurrence to be taken care of; those that another process has are left out. */
  async loadDue(now: Date, limit: number): Promise<TaskSchedule[]> {
    const rows = await this.unitOfWork.query<ScheduleRow>(
      `select * from tasks.schedule where next_run_at <= $1
       order by next_run_at limit $2 for update skip locked`,
      [now, limit],
    );
    return rows.map((row) => TaskSchedule.of(toScheduleState(row)));
  }

  /** Throws `TaskScheduleNameTaken`. */
  async saveMany(schedules: readonly TaskSchedule[]): Promise<void> {
    try {
      await this.unitOfWork.query(
        `update tasks.schedule set name = saved.name, cron = saved.cron, time_zone = saved.time_zone, task = saved.task,
                missed = saved.missed, paused = saved.paused, next_run_at = saved.next_run_at,
                last_run_at = saved.last_run_at, last_task_id = saved.last_task_id, last_error = saved.last_error,
                updated_at = saved.updated_at
         from ${GIVEN} as saved where schedule.id = saved.id`,
        columnsOf(schedules),
      );
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      throw new TaskScheduleNameTaken(schedules.map(({ state }) => state.name).join(', '));
    }
  }

  async delete(id: string): Promise<boolean> {
    const rows = await this.unitOfWork.query(
      `delete from tasks.schedule where id = $1 returning id`,
      [id],
    );
    return rows.length === 1;
  }
}

function columnsOf(schedules: readonly TaskSchedule[]): unknown[][] {
  const column = (of: (state: TaskScheduleState) => unknown) =>
    schedules.map(({ state }) => of(state));
  return [
    column((state) => state.id),
    column((state) => state.name),
    column((state) => state.cron),
    column((state) => state.timeZone),
    column((state) => JSON.stringify(state.task)),
    column((state) => state.missed),
    column((state) => state.paused),
    column((state) => state.nextRunAt),
    column((state) => state.lastRunAt),
    column((state) => state.lastTaskId),
    column((state) => state.lastError && JSON.stringify(state.lastError)),
    column((state) => state.createdAt),
    column((state) => state.updatedAt),
  ];
}

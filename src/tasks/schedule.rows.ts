import type { ScheduleError, TaskSchedule, TaskScheduleState } from './domain/task-schedule.js';
import type { ScheduleView } from './task-schedules.dto.js';

const RUNS_SHOWN = 5;

/** A row of `tasks.schedule` as the driver returns it. */
export interface ScheduleRow {
  readonly id: string;
  readonly name: string;
  readonly cron: string;
  readonly time_zone: string;
  readonly task: object;
  readonly missed: TaskScheduleState['missed'];
  readonly paused: boolean;
  readonly next_run_at: Date | null;
  readonly last_run_at: Date | null;
  readonly last_task_id: string | null;
  readonly last_error: ScheduleError | null;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export function toScheduleState(row: ScheduleRow): TaskScheduleState {
  return {
    id: row.id,
    name: row.name,
    cron: row.cron,
    timeZone: row.time_zone,
    task: row.task,
    missed: row.missed,
    paused: row.paused,
    nextRunAt: row.next_run_at,
    lastRunAt: row.last_run_at,
    lastTaskId: row.last_task_id,
    lastError: row.last_error,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function toScheduleView(schedule: TaskSchedule, now: Date): ScheduleView {
  const { state } = schedule;
  return {
    id: state.id,
    name: state.name,
    cron: state.cron,
    time_zone: state.timeZone,
    task: state.task,
    missed: state.missed,
    paused: state.paused,
    next_runs: schedule.nextRuns(RUNS_SHOWN, now),
    last_run_at: state.lastRunAt,
    last_task_id: state.lastTaskId,
    last_error: state.lastError,
    created_at: state.createdAt,
    updated_at: state.updatedAt,
  };
}

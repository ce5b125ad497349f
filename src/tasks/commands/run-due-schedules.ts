import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles, type Outcome } from '../../kernel/cqrs/handles.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import type { TaskSchedule } from '../domain/task-schedule.js';
import { ScheduleRepository } from '../schedule.repository.js';
import type { ScheduledTask } from '../task-schedules.dto.js';
import type { TaskView } from '../tasks.dto.js';
import { CreateTasks, CreateTasksHandler } from './create-tasks.js';

export interface FailedOccurrence {
  readonly scheduleId: string;
  readonly name: string;
  readonly error: DomainError;
}

export interface ScheduleRound {
  /** Schedules that went on to their next occurrence. */
  readonly advanced: number;
  readonly failed: readonly FailedOccurrence[];
}

interface Due {
  readonly schedule: TaskSchedule;
  readonly at: Date;
}

/**
 * Creates the tasks of at most `limit` due schedules and moves those on, in one transaction. Any number of
 * processes may do it at once: the lock gives an occurrence to one of them, and its idempotency key makes even a
 * second attempt harmless. An occurrence that cannot be a task is told in the schedule's `last_error`; a full
 * backlog leaves it due.
 */
export class RunDueSchedules extends Command<ScheduleRound> {
  constructor(readonly limit: number) {
    super();
  }
}

@Handles(RunDueSchedules)
export class RunDueSchedulesHandler implements Handler<RunDueSchedules> {
  constructor(
    private readonly clock: Clock,
    private readonly schedules: ScheduleRepository,
    private readonly creator: CreateTasksHandler,
  ) {}

  async execute({ limit }: RunDueSchedules): Promise<ScheduleRound> {
    const now = this.clock.now();
    const found = await this.schedules.loadDue(now, limit);
    if (found.length === 0) return { advanced: 0, failed: [] };
    const due = found.flatMap((schedule): Due[] => {
      const at = schedule.dueAt(now);
      return at ? [{ schedule, at }] : [];
    });
    const outcomes = due.length > 0 ? await this.creator.executeMany(due.map(toCommand)) : [];
    const failed: FailedOccurrence[] = [];
    const outcomeOf = new Map(
      due.map((one, index) => [one.schedule, { at: one.at, outcome: outcomes[index] }]),
    );
    const advanced = found.filter((schedule) => {
      const made = outcomeOf.get(schedule);
      if (made?.outcome instanceof DomainError) {
        const { id: scheduleId, name } = schedule.state;
        failed.push({ scheduleId, name, error: made.outcome });
        if (made.outcome.passes) return false;
      }
      schedule.advance(now, made && resultOf(made.at, made.outcome, now));
      return true;
    });
    await this.schedules.saveMany(advanced);
    return { advanced: advanced.length, failed };
  }
}

function toCommand({ schedule: { state }, at }: Due): CreateTasks {
  const idempotencyKey = `schedule:${state.id}:${at.toISOString()}`;
  return new CreateTasks([{ ...(state.task as ScheduledTask), idempotency_key: idempotencyKey }]);
}

function resultOf(at: Date, outcome: Outcome<TaskView[]> | undefined, now: Date) {
  if (outcome instanceof DomainError) {
    return { code: outcome.code, message: outcome.message, at: now.toISOString() };
  }
  const [task] = outcome ?? [];
  return task && { at, taskId: task.id };
}

import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TaskScheduleNotFound } from '../domain/task.errors.js';
import { ScheduleRepository } from '../schedule.repository.js';
import { toScheduleView } from '../schedule.rows.js';
import type { ChangeScheduleRequest, ScheduleView } from '../task-schedules.dto.js';
import { TaskKinds } from '../worker/task-kinds.js';

/** Changes what is given, pauses or resumes. Throws `TaskScheduleNotFound`, and what `CreateSchedules` throws. */
export class ChangeSchedule extends Command<ScheduleView> {
  constructor(
    readonly scheduleId: string,
    readonly request: ChangeScheduleRequest,
  ) {
    super();
  }
}

@Handles(ChangeSchedule)
export class ChangeScheduleHandler implements Handler<ChangeSchedule> {
  constructor(
    private readonly clock: Clock,
    private readonly kinds: TaskKinds,
    private readonly schedules: ScheduleRepository,
  ) {}

  async execute({ scheduleId, request }: ChangeSchedule): Promise<ScheduleView> {
    const schedule = await this.schedules.load(scheduleId);
    if (!schedule) throw new TaskScheduleNotFound(scheduleId);
    if (request.task) this.kinds.check(request.task, { place: 'task' });
    const { time_zone: timeZone = schedule.state.timeZone, ...change } = request;
    const given = Object.fromEntries(
      Object.entries(change).filter(([, value]) => value !== undefined),
    );
    const now = this.clock.now();
    schedule.change({ ...given, timeZone }, now);
    await this.schedules.saveMany([schedule]);
    return toScheduleView(schedule, now);
  }
}

import { Command } from '@nestjs/cqrs';
import { fieldAt, placeIn } from '../../kernel/domain/domain-error.js';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Ids } from '../../kernel/ids.js';
import { TaskSchedule } from '../domain/task-schedule.js';
import { TaskScheduleNameTaken } from '../domain/task.errors.js';
import { ScheduleRepository } from '../schedule.repository.js';
import { toScheduleView } from '../schedule.rows.js';
import type { CreateScheduleRequest, ScheduleView } from '../task-schedules.dto.js';
import { TaskKinds } from '../worker/task-kinds.js';

/**
 * Creates schedules, all or none. Throws `BrokenCron`, `UnknownTimeZone`, `TaskScheduleNameTaken`, and what makes
 * their tasks impossible: `UnknownTaskKind`, `UnknownTaskQueue`, `ValidationError`.
 */
export class CreateSchedules extends Command<ScheduleView[]> {
  constructor(readonly requests: readonly CreateScheduleRequest[]) {
    super();
  }
}

@Handles(CreateSchedules)
export class CreateSchedulesHandler implements Handler<CreateSchedules> {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly kinds: TaskKinds,
    private readonly schedules: ScheduleRepository,
  ) {}

  async execute({ requests }: CreateSchedules): Promise<ScheduleView[]> {
    const now = this.clock.now();
    const schedules = requests.map((request, index) => {
      const { time_zone: timeZone, ...spec } = request;
      const place = placeIn(requests, index);
      this.kinds.check(request.task, { place: fieldAt(place, 'task') });
      return TaskSchedule.create({ ...spec, timeZone }, this.ids.next(), now, place);
    });
    const inserted = await this.schedules.insertMany(schedules);
    schedules.forEach(({ state: { id, name } }, index) => {
      if (!inserted.has(id)) throw new TaskScheduleNameTaken(name, placeIn(requests, index));
    });
    return schedules.map((schedule) => toScheduleView(schedule, now));
  }
}

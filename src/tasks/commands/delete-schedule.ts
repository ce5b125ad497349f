import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { TaskScheduleNotFound } from '../domain/task.errors.js';
import { ScheduleRepository } from '../schedule.repository.js';

/** Ends a schedule; tasks that it has created stay. Throws `TaskScheduleNotFound`. */
export class DeleteSchedule extends Command<void> {
  constructor(readonly scheduleId: string) {
    super();
  }
}

@Handles(DeleteSchedule)
export class DeleteScheduleHandler implements Handler<DeleteSchedule> {
  constructor(private readonly schedules: ScheduleRepository) {}

  async execute({ scheduleId }: DeleteSchedule): Promise<void> {
    if (!(await this.schedules.delete(scheduleId))) throw new TaskScheduleNotFound(scheduleId);
  }
}

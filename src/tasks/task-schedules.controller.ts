import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import { type Page, pageQuery } from '../kernel/http/pages.js';
import { inTheSameShape, uuidParam } from '../kernel/http/shapes.js';
import { ChangeSchedule } from './commands/change-schedule.js';
import { CreateSchedules } from './commands/create-schedules.js';
import { DeleteSchedule } from './commands/delete-schedule.js';
import { GetSchedule, ListSchedules } from './queries/schedules.js';
import { OPERATE } from './task.access.js';
import {
  changeSchedule,
  type ChangeScheduleRequest,
  type CreateScheduleRequest,
  createSchedulesBody,
  schedulePage,
  scheduleView,
  type ScheduleView,
} from './task-schedules.dto.js';

@ApiTags('task schedules')
@RequiresRight(OPERATE)
@Controller('task-schedules')
export class TaskSchedulesController {
  constructor(private readonly mediator: Mediator) {}

  @Post()
  @Idempotent()
  @ApiOperation({ summary: 'Have a task created again and again' })
  @ApiAnswer(scheduleView, { status: 201, description: 'The schedule; an array for an array' })
  create(
    @Body({ schema: createSchedulesBody }) body: CreateScheduleRequest | CreateScheduleRequest[],
  ): Promise<ScheduleView | readonly ScheduleView[]> {
    return inTheSameShape(body, (items) => this.mediator.execute(new CreateSchedules(items)));
  }

  @Get()
  @ApiOperation({ summary: 'List task schedules, newest first' })
  @ApiAnswer(schedulePage)
  list(
    @Query({ schema: pageQuery }) query: { limit: number; cursor?: string },
  ): Promise<Page<ScheduleView>> {
    return this.mediator.ask(new ListSchedules(query));
  }

  @Get(':schedule_id')
  @ApiOperation({ summary: 'Get a task schedule' })
  @ApiAnswer(scheduleView)
  get(@Param('schedule_id', { schema: uuidParam }) scheduleId: string): Promise<ScheduleView> {
    return this.mediator.ask(new GetSchedule(scheduleId));
  }

  @Patch(':schedule_id')
  @ApiOperation({ summary: 'Change, pause or resume a task schedule' })
  @ApiAnswer(scheduleView)
  @ApiProblems(409)
  change(
    @Param('schedule_id', { schema: uuidParam }) scheduleId: string,
    @Body({ schema: changeSchedule }) body: ChangeScheduleRequest,
  ): Promise<ScheduleView> {
    return this.mediator.execute(new ChangeSchedule(scheduleId, body));
  }

  @Delete(':schedule_id')
  @HttpCode(204)
  @ApiOperation({ summary: 'End a task schedule; tasks that it has created stay' })
  delete(@Param('schedule_id', { schema: uuidParam }) scheduleId: string): Promise<void> {
    return this.mediator.execute(new DeleteSchedule(scheduleId));
  }
}

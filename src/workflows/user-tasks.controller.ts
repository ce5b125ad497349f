import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import type { Page } from '../kernel/http/pages.js';
import { uuidParam } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { AssignUserTask } from './commands/assign-user-task.js';
import { CompleteUserTask } from './commands/complete-user-task.js';
import { GetUserTask, ListUserTasks } from './queries/user-tasks.js';
import { WORKFLOWS } from './runtime/messages.js';
import { actorOf } from './user-task.access.js';
import {
  completeUserTask,
  type CompleteUserTaskRequest,
  listUserTasksQuery,
  type ListUserTasksRequest,
  userTaskPage,
  type UserTaskView,
  userTaskView,
} from './user-tasks.dto.js';

@ApiTags('user tasks')
@Controller('user-tasks')
@MessageScope(WORKFLOWS)
export class UserTasksController {
  constructor(private readonly mediator: Mediator) {}

  @Get()
  @ApiOperation({ summary: 'List the user tasks that are for you, oldest first' })
  @ApiAnswer(userTaskPage)
  list(
    @Query({ schema: listUserTasksQuery }) query: ListUserTasksRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<Page<UserTaskView>> {
    return this.mediator.ask(new ListUserTasks(query, actorOf(caller)));
  }

  @Get(':user_task_id')
  @ApiOperation({ summary: 'Get a user task' })
  @ApiAnswer(userTaskView)
  get(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<UserTaskView> {
    return this.mediator.ask(new GetUserTask(id, actorOf(caller)));
  }

  @Post(':user_task_id/claim')
  @OnMessage('user-tasks/:user_task_id/claim')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take a user task for yourself' })
  @ApiAnswer(userTaskView)
  @ApiProblems(403, 409)
  async claim(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<UserTaskView> {
    await this.mediator.execute(new AssignUserTask(id, 'claim', actorOf(caller)));
    return this.mediator.ask(new GetUserTask(id, actorOf(caller)));
  }

  @Post(':user_task_id/release')
  @OnMessage('user-tasks/:user_task_id/release')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a user task back to all who may do it' })
  @ApiAnswer(userTaskView)
  @ApiProblems(403, 409)
  async release(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<UserTaskView> {
    await this.mediator.execute(new AssignUserTask(id, 'release', actorOf(caller)));
    return this.mediator.ask(new GetUserTask(id, actorOf(caller)));
  }

  @Post(':user_task_id/complete')
  @OnMessage('user-tasks/:user_task_id/complete')
  @HttpCode(200)
  @ApiOperation({ summary: 'Complete a user task with an outcome' })
  @ApiAnswer(userTaskView)
  @ApiProblems(403, 409)
  async complete(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @Body({ schema: completeUserTask }) body: CompleteUserTaskRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<UserTaskView> {
    await this.mediator.execute(new CompleteUserTask(id, actorOf(caller), body));
    return this.mediator.ask(new GetUserTask(id, actorOf(caller)));
  }
}

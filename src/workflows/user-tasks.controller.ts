import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import type { Page } from '../kernel/http/pages.js';
import { uuidParam } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { CommentUserTask } from './commands/comment-user-task.js';
import { CompleteUserTask } from './commands/complete-user-task.js';
import { HandOverUserTask } from './commands/hand-over-user-task.js';
import type { HandOver } from './domain/hand-over.js';
import { GetUserTask, ListComments, ListUserTasks } from './queries/user-tasks.js';
import { WORKFLOWS } from './runtime/messages.js';
import { actorOf } from './user-task.access.js';
import {
  commentPage,
  commentUserTask,
  type CommentUserTaskRequest,
  type CommentView,
  commentView,
  completeUserTask,
  type CompleteUserTaskRequest,
  handOverUserTask,
  type HandOverUserTaskRequest,
  listCommentsQuery,
  type ListCommentsRequest,
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
  claim(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<UserTaskView> {
    return this.#handOver(id, { act: 'claim' }, caller);
  }

  @Post(':user_task_id/release')
  @OnMessage('user-tasks/:user_task_id/release')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a user task back to all who may do it, or to who delegated it' })
  @ApiAnswer(userTaskView)
  @ApiProblems(403, 409)
  release(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<UserTaskView> {
    return this.#handOver(id, { act: 'release' }, caller);
  }

  @Post(':user_task_id/assign')
  @OnMessage('user-tasks/:user_task_id/assign')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a user task to somebody, for good: yours, or as an operator' })
  @ApiAnswer(userTaskView)
  @ApiProblems(403, 409)
  assign(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @Body({ schema: handOverUserTask }) { assignee }: HandOverUserTaskRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<UserTaskView> {
    return this.#handOver(id, { act: 'assign', to: assignee }, caller);
  }

  @Post(':user_task_id/delegate')
  @OnMessage('user-tasks/:user_task_id/delegate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Have somebody do your user task; you stay accountable' })
  @ApiAnswer(userTaskView)
  @ApiProblems(403, 409)
  delegate(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @Body({ schema: handOverUserTask }) { assignee }: HandOverUserTaskRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<UserTaskView> {
    return this.#handOver(id, { act: 'delegate', to: assignee }, caller);
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
    return this.#afterwards(id, caller);
  }

  @Get(':user_task_id/comments')
  @ApiOperation({ summary: 'List what was said about a user task, oldest first' })
  @ApiAnswer(commentPage)
  comments(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @Query({ schema: listCommentsQuery }) query: ListCommentsRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<Page<CommentView>> {
    return this.mediator.ask(new ListComments(id, query, actorOf(caller)));
  }

  @Post(':user_task_id/comments')
  @OnMessage('user-tasks/:user_task_id/comment')
  @Idempotent()
  @ApiOperation({ summary: 'Say something about a user task' })
  @ApiAnswer(commentView, { status: 201 })
  @ApiProblems(403)
  comment(
    @Param('user_task_id', { schema: uuidParam }) id: string,
    @Body({ schema: commentUserTask }) { text }: CommentUserTaskRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<CommentView> {
    return this.mediator.execute(new CommentUserTask(id, text, actorOf(caller)));
  }

  async #handOver(id: string, wish: HandOver, caller: Caller): Promise<UserTaskView> {
    await this.mediator.execute(new HandOverUserTask(id, wish, actorOf(caller)));
    return this.#afterwards(id, caller);
  }

  /** For whoever was let do something to a task, also if it is out of his hands now. */
  #afterwards(id: string, caller: Caller): Promise<UserTaskView> {
    return this.mediator.ask(new GetUserTask(id, { ...actorOf(caller), operates: true }));
  }
}

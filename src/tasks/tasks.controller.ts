import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, RequiresRight } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import type { Page } from '../kernel/http/pages.js';
import { inTheSameShape, uuidParam } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { CancelTask } from './commands/cancel-task.js';
import { CreateTasks } from './commands/create-tasks.js';
import { RetryTask } from './commands/retry-task.js';
import { OPERATE, ownerOf, tasksOpenTo } from './task.access.js';
import { GetTask } from './queries/get-task.js';
import { ListTasks } from './queries/list-tasks.js';
import { SummarizeTasks } from './queries/summarize-tasks.js';
import {
  bulkRetry,
  type BulkRetryAnswer,
  bulkRetryAnswer,
  type BulkRetryRequest,
  type CreateTaskRequest,
  createTasksBody,
  listTasksQuery,
  type ListTasksRequest,
  taskPage,
  type TaskSummary,
  taskSummary,
  taskView,
  type TaskView,
} from './tasks.dto.js';
import { BulkRetry } from './worker/bulk-retry.js';

@ApiTags('tasks')
@Controller('tasks')
@MessageScope('tasks')
export class TasksController {
  constructor(
    private readonly mediator: Mediator,
    private readonly bulkRetry: BulkRetry,
  ) {}

  @Post()
  @OnMessage('create')
  @Idempotent()
  @ApiOperation({ summary: 'Create a task, or up to 1,000 at once' })
  @ApiAnswer(taskView, { status: 201, description: 'The task, not yet run; an array for an array' })
  create(
    @Body({ schema: createTasksBody }) body: CreateTaskRequest | CreateTaskRequest[],
    @CurrentCaller() caller: Caller,
  ): Promise<TaskView | readonly TaskView[]> {
    return inTheSameShape(body, (items) =>
      this.mediator.execute(new CreateTasks(items, ownerOf(caller))),
    );
  }

  @Get()
  @ApiOperation({ summary: 'List tasks, newest first' })
  @ApiAnswer(taskPage)
  list(
    @Query({ schema: listTasksQuery }) query: ListTasksRequest,
    @CurrentCaller() caller: Caller,
  ): Promise<Page<TaskView>> {
    return this.mediator.ask(new ListTasks(query, tasksOpenTo(caller)));
  }

  @Get('summary')
  @ApiOperation({ summary: 'Count tasks per status and kind' })
  @ApiAnswer(taskSummary)
  summarize(@CurrentCaller() caller: Caller): Promise<TaskSummary> {
    return this.mediator.ask(new SummarizeTasks(tasksOpenTo(caller)));
  }

  // Batches have transactions of their own, so a message runs outside the inbox: brought twice, it retries what
  // has failed again by then.
  @RequiresRight(OPERATE)
  @Post('retry')
  @OnMessage('retry', { idempotent: true })
  @HttpCode(200)
  @ApiOperation({ summary: 'Run all failed or cancelled tasks of a filter again' })
  @ApiAnswer(bulkRetryAnswer)
  retryMatching(@Body({ schema: bulkRetry }) body: BulkRetryRequest): Promise<BulkRetryAnswer> {
    return this.bulkRetry.run(body);
  }

  @Get(':task_id')
  @ApiOperation({ summary: 'Get a task' })
  @ApiAnswer(taskView)
  get(
    @Param('task_id', { schema: uuidParam }) taskId: string,
    @CurrentCaller() caller: Caller,
  ): Promise<TaskView> {
    return this.mediator.ask(new GetTask(taskId, tasksOpenTo(caller)));
  }

  @Post(':task_id/cancel')
  @OnMessage(':task_id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel a task that is new or in progress' })
  @ApiAnswer(taskView)
  @ApiProblems(409)
  cancel(
    @Param('task_id', { schema: uuidParam }) taskId: string,
    @CurrentCaller() caller: Caller,
  ): Promise<TaskView> {
    return this.mediator.execute(new CancelTask(taskId, tasksOpenTo(caller)));
  }

  @Post(':task_id/retry')
  @OnMessage(':task_id/retry')
  @HttpCode(200)
  @ApiOperation({ summary: 'Run a failed or cancelled task again' })
  @ApiAnswer(taskView)
  @ApiProblems(409)
  retry(
    @Param('task_id', { schema: uuidParam }) taskId: string,
    @CurrentCaller() caller: Caller,
  ): Promise<TaskView> {
    return this.mediator.execute(new RetryTask(taskId, tasksOpenTo(caller)));
  }
}

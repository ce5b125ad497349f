import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { ClientGone } from '../kernel/http/client-gone.js';
import { uuidParam } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { BeatLease } from './commands/beat-lease.js';
import { SettleLease } from './commands/settle-lease.js';
import {
  completion,
  type CompletionRequest,
  failure,
  type FailureRequest,
  heartbeat,
  type HeartbeatRequest,
  leasedTasks,
  leaseTasks,
  type LeaseTasksRequest,
  leaseView,
  progressReport,
  type ProgressRequest,
} from './task-leases.dto.js';
import { OPERATE } from './task.access.js';
import { toView } from './task.view.js';
import { taskView, type TaskView } from './tasks.dto.js';
import { ExternalLeases } from './worker/external-leases.js';

/** The door for workers in other languages: they lease tasks, show that they live, and settle them. */
@ApiTags('task leases')
@RequiresRight(OPERATE)
@Controller()
@MessageScope('tasks')
export class TaskLeasesController {
  constructor(
    private readonly mediator: Mediator,
    private readonly leases: ExternalLeases,
  ) {}

  @Post('task-leases')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take tasks of external kinds, waiting for them if there are none' })
  @ApiAnswer(leasedTasks, { description: 'Highest priority first; empty when the wait ended' })
  async lease(
    @Body({ schema: leaseTasks }) { kinds, max, wait_ms, lease_ms }: LeaseTasksRequest,
    @ClientGone() gone: AbortSignal,
  ) {
    const leased = await this.leases.lease({ kinds, max, leaseMs: lease_ms }, wait_ms, gone);
    return {
      items: leased.map(({ task, token, expiresAt }) => ({
        task: toView(task.state),
        lease_token: token,
        lease_expires_at: expiresAt,
      })),
    };
  }

  @Post('tasks/:task_id/heartbeat')
  @OnMessage(':task_id/heartbeat', { idempotent: true })
  @HttpCode(200)
  @ApiOperation({ summary: 'Prolong the lease on a task' })
  @ApiAnswer(leaseView, { description: 'Never later than the end of the task’s timeout' })
  @ApiProblems(409)
  async beat(
    @Param('task_id', { schema: uuidParam }) taskId: string,
    @Body({ schema: heartbeat }) { lease_token, lease_ms, progress }: HeartbeatRequest,
  ) {
    const beat = { taskId, token: lease_token, leaseMs: lease_ms, progress: progress ?? null };
    return { lease_expires_at: await this.mediator.execute(new BeatLease(beat)) };
  }

  @Post('tasks/:task_id/progress')
  @OnMessage(':task_id/progress', { idempotent: true })
  @HttpCode(200)
  @ApiOperation({ summary: 'Report the progress of a leased task' })
  @ApiAnswer(leaseView)
  @ApiProblems(409)
  async reportProgress(
    @Param('task_id', { schema: uuidParam }) taskId: string,
    @Body({ schema: progressReport }) { lease_token, progress }: ProgressRequest,
  ) {
    const beat = { taskId, token: lease_token, leaseMs: null, progress };
    return { lease_expires_at: await this.mediator.execute(new BeatLease(beat)) };
  }

  @Post('tasks/:task_id/complete')
  @OnMessage(':task_id/complete')
  @HttpCode(200)
  @ApiOperation({ summary: 'Complete a leased task' })
  @ApiAnswer(taskView)
  @ApiProblems(409)
  complete(
    @Param('task_id', { schema: uuidParam }) taskId: string,
    @Body({ schema: completion }) { lease_token, result }: CompletionRequest,
  ): Promise<TaskView> {
    const success = { kind: 'success' as const, result: result ?? null };
    return this.mediator.execute(new SettleLease({ taskId, token: lease_token }, success));
  }

  @Post('tasks/:task_id/fail')
  @OnMessage(':task_id/fail')
  @HttpCode(200)
  @ApiOperation({ summary: 'Fail the attempt at a leased task; it is tried again while it may be' })
  @ApiAnswer(taskView)
  @ApiProblems(409)
  fail(
    @Param('task_id', { schema: uuidParam }) taskId: string,
    @Body({ schema: failure }) { lease_token, code, message, permanent }: FailureRequest,
  ): Promise<TaskView> {
    const nature = permanent ? ('permanent' as const) : ('passing' as const);
    return this.mediator.execute(
      new SettleLease({ taskId, token: lease_token }, { kind: 'failure', nature, code, message }),
    );
  }
}

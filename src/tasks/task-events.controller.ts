import { finished } from 'node:stream';
import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentCaller } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { ClientGone } from '../kernel/http/client-gone.js';
import { uuidParam } from '../kernel/http/shapes.js';
import { tasksOpenTo } from './task.access.js';
import { TaskWatch } from './queries/task-watch.js';

const EXAMPLE = `id: in_progress.1.40.1763700000000
event: state
data: {"id":"019aa3a4-5b6c-7d8e-9f00-112233445566","status":"in_progress","attempt":1,"progress":40}

`;

@ApiTags('tasks')
@Controller('tasks')
export class TaskEventsController {
  constructor(private readonly tasks: TaskWatch) {}

  @Get(':task_id/events')
  @ApiOperation({ summary: 'Watch a task until it is final, by server-sent events' })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'The last event that the client has; its state is not sent again.',
  })
  @ApiResponse({
    status: 200,
    description: 'The state, then every change; a comment every 15 s; ends after a final state',
    content: { 'text/event-stream': { schema: { type: 'string' }, example: EXAMPLE } },
  })
  @ApiResponse({ status: 204, description: 'The client has the final state' })
  async watch(
    @Param('task_id', { schema: uuidParam }) taskId: string,
    @CurrentCaller() caller: Caller,
    @ClientGone() gone: AbortSignal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const lastEventId = reply.request.headers['last-event-id']?.toString();
    const events = await this.tasks.open(taskId, { lastEventId, ownerId: tasksOpenTo(caller) });
    if (!events) {
      await reply.code(204).send();
      return;
    }
    // Also when the answer has no body, as to a HEAD request, or nobody is left to read it, or may.
    finished(reply.raw, () => events.destroy());
    gone.addEventListener('abort', () => events.destroy());
    await reply
      .headers({ 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
      .send(events);
  }
}

import { Controller, Get, Headers, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrentCaller } from '../../../kernel/access/access.decorators.js';
import type { Caller } from '../../../kernel/access/caller.js';
import { ClientGone } from '../../../kernel/http/client-gone.js';
import { UpdateStreams } from './update-streams.js';

const EXAMPLE = `id: 7451.12
event: event-changed
data: {"event_id":"e-17","version":4,"ratio":"1.900","deadline":"2025-11-21T18:00:00.000Z","status":"open"}

id: 7502.13
event: bet-settled
data: {"bet_id":"019aa3a4-5b6c-7d8e-9f00-112233445566","event_id":"e-17","status":"won","settlement":1,"payout":"18.50"}

`;

@ApiTags('bets')
@Controller('me')
export class UpdatesController {
  constructor(private readonly updates: UpdateStreams) {}

  @Get('updates')
  @ApiOperation({
    summary: 'Hear of your bets and of the events you have bet on, by server-sent events',
  })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'The last event that you have; what came behind it in the last 7 days is sent.',
  })
  @ApiResponse({
    status: 200,
    description: 'Every change from now on; a comment every 15 s',
    content: { 'text/event-stream': { schema: { type: 'string' }, example: EXAMPLE } },
  })
  async watch(
    @CurrentCaller() caller: Caller,
    @Headers('last-event-id') lastEventId: string | undefined,
    @ClientGone() gone: AbortSignal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const updates = await this.updates.open(caller.id, lastEventId);
    gone.addEventListener('abort', () => {
      updates.finish();
    });
    reply.hijack();
    reply.raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
    });
    if (reply.request.method === 'HEAD') updates.finish();
    updates.sendTo(reply.raw);
  }
}

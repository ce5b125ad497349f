import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { watchCaller } from '../access/caller-watch.js';

/**
 * A parameter of a controller method: an AbortSignal that aborts when the connection closes before the answer is
 * written, or the caller is logged out or may do something else meanwhile. It stays silent when the answer went out in full, which does not prove that the client has read it.
 */
export const ClientGone = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const { raw } = context.switchToHttp().getResponse<FastifyReply>();
  const gone = new AbortController();
  const stopWatching = watchCaller(context.switchToHttp().getRequest<FastifyRequest>(), () => {
    gone.abort();
  });
  raw.once('close', () => {
    stopWatching();
    if (!raw.writableFinished) gone.abort();
  });
  return gone.signal;
});

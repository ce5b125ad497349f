import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { currentTraceId, newTraceId } from '../observability/trace-context.js';
import { AllowedMethods } from './allowed-methods.js';
import { PROBLEM_CONTENT_TYPE, problemOf, type Verdict, verdict, verdictOn } from './problem.js';

const logger = new Logger('Http');

/**
 * Answers every error of an HTTP request with a problem document. Errors of messages are passed on untouched:
 * settling a message is the messaging pipeline's decision.
 */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly allowedMethods: AllowedMethods) {}

  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const request = http.getRequest<FastifyRequest>();
    sendProblem(request, reply, request.is404 ? this.#unrouted(request) : verdictOn(error), error);
  }

  #unrouted(request: FastifyRequest): Verdict {
    const path = pathOf(request);
    const methods = this.allowedMethods.of(path);
    if (methods.length === 0) return verdict(404, { detail: `There is nothing at ${path}.` });
    const allow = methods.join(', ');
    return verdict(405, {
      detail: `${request.method} is not possible here; allowed: ${allow}.`,
      headers: { allow },
    });
  }
}

/** Sends the verdict as a problem document, and logs an unexpected error once, with the trace id the client gets. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  given: Verdict,
  error?: unknown,
): void {
  const traceId = currentTraceId() ?? newTraceId();
  if (given.unexpected) {
    const where = `${request.method} ${pathOf(request)} answered ${given.status}`;
    logger.error({ err: error, trace_id: traceId }, where);
  }
  if (reply.sent || reply.raw.headersSent) {
    reply.raw.destroy(); // half an answer is out: cutting it off is the only way to say that it failed
    return;
  }
  const problem = problemOf(given, pathOf(request), traceId);
  void reply
    .code(given.status)
    .headers({ ...given.headers, 'content-type': PROBLEM_CONTENT_TYPE })
    .send(JSON.stringify(problem));
}

/** Without the query: it may hold what should not be repeated in logs and answers. */
function pathOf(request: FastifyRequest): string {
  const [path] = request.url.split('?', 1);
  return path ?? request.url;
}

import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { concatMap, type Observable } from 'rxjs';
import { callerIdOf } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { FREE_QUOTA_EXHAUSTED, FreeQuotaExhausted } from './domain/message.errors.js';
import type { MessageView } from './messages.dto.js';
import { GetMessages } from './queries/get-message.js';
import { MessageWatch } from './queries/message-watch.js';

const MAX_WAIT_SECONDS = 60;

/**
 * Answers a created message with its place, and with `Prefer: wait=5` (RFC 7240) waits so long for its end: then the
 * answer is 200 with it, or 429 when the free provider takes no calls. It stands around the method, whose transaction is
 * committed by then, and does the same for a repetition with an Idempotency-Key.
 */
@Injectable()
export class PreferWait implements NestInterceptor {
  constructor(
    private readonly mediator: Mediator,
    private readonly watch: MessageWatch,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    return next.handle().pipe(
      concatMap(async (created: MessageView | readonly MessageView[]) => {
        if ('id' in created) reply.header('location', `/api/v1/messages/${created.id}`);
        const seconds = secondsToWait(request.headers.prefer);
        if (seconds === 0) return created;
        reply.header('preference-applied', `wait=${String(seconds)}`);
        const messages = 'id' in created ? [created] : created;
        const now = await this.#after(seconds, messages, callerIdOf(request));
        if (now.every(({ finished_at }) => finished_at !== null)) reply.code(200);
        const [only] = now;
        return 'id' in created && only ? told(only) : now;
      }),
    );
  }

  /** The messages in their order, when all have ended or the time is over. */
  async #after(seconds: number, messages: readonly MessageView[], ownerId: string) {
    const ids = messages.map((message) => message.id);
    await this.watch.ended(ids, AbortSignal.timeout(seconds * 1_000));
    const found = await this.mediator.ask(new GetMessages(ids, ownerId));
    const byId = new Map(found.map((message) => [message.id, message]));
    return messages.map((message) => byId.get(message.id) ?? message);
  }
}

/** Describes the header to readers of the API. */
export function ApiPreferWait(): MethodDecorator {
  return applyDecorators(
    ApiHeader({
      name: 'Prefer',
      required: false,
      description: 'wait=N: answer with the result when there is one within N seconds, at most 60.',
      schema: { type: 'string', examples: ['wait=5'] },
    }),
  );
}

/** 0 for a preference that is none; preferences are never refused. */
export function secondsToWait(prefer: string | string[] | undefined): number {
  const found = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?:$|[,;\s])/i.exec(String(prefer ?? ''));
  return Math.min(MAX_WAIT_SECONDS, Number(found?.[1] ?? 0));
}

function told(message: MessageView): MessageView {
  const { error, state } = message;
  if (state !== 'failed' || error?.code !== FREE_QUOTA_EXHAUSTED) return message;
  const retryAt = error.retry_at === undefined ? 0 : Date.parse(error.retry_at);
  throw new FreeQuotaExhausted(retryAt - Date.now());
}

import {
  type CallHandler,
  type ExecutionContext,
  Injectable,
  mixin,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { from, lastValueFrom, type Observable } from 'rxjs';
import type { z } from 'zod';
import { Outbox } from '../outbox/outbox.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { EVENTS_EXCHANGE } from './broker.js';
import type { EventRoute } from './event-route.js';

/** What a request over HTTP and a message have in common. */
interface Call {
  readonly params: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Set on the answer of a request that repeats an `Idempotency-Key`: its effect was published when it happened. */
interface Reply {
  getHeader?(name: string): unknown;
}

/**
 * An interceptor that appends the result of a call to the outbox in the Unit of Work of its effect, which it opens
 * where none is open. Retried with the Unit of Work after a deadlock, like everything in it. A result that breaks the schema fails the call.
 */
export function resultPublisher(route: EventRoute, schema?: z.ZodType): Type<NestInterceptor> {
  @Injectable()
  class ResultPublisher implements NestInterceptor {
    constructor(
      private readonly unitOfWork: UnitOfWork,
      private readonly outbox: Outbox,
    ) {}

    intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
      const [call, reply] =
        context.getType() === 'rpc'
          ? [context.switchToRpc().getContext<Call>()]
          : context.getArgs<[Call, Reply | undefined]>();
      return from(
        this.unitOfWork.run(async () => {
          const values = route.values((name) => textOf(call.params[name] ?? call.headers[name]));
          const result = await lastValueFrom(next.handle(), { defaultValue: undefined });
          if (reply?.getHeader?.('idempotency-replayed') === undefined) {
            await this.#publish(values, result);
          }
          return result;
        }),
      );
    }

    async #publish(values: readonly string[], result: unknown): Promise<void> {
      const body = schema ? schema.parse(result) : result;
      const order = values.length > 0 ? { key: values.join('/') } : {};
      await this.outbox.append([
        { exchange: EVENTS_EXCHANGE, routingKey: route.routingKey(values), body, ...order },
      ]);
    }
  }
  return mixin(ResultPublisher);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

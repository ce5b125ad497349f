import { Injectable } from '@nestjs/common';
import { AccessControl } from '../access/access-control.js';
import type { Caller } from '../access/caller.js';
import { crashPoint } from '../crash-points.js';
import { Inbox } from '../inbox/inbox.js';
import { continueTrace, runWithContext } from '../observability/trace-context.js';
import { withSpan } from '../observability/tracing.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { type BrokerMessage, COMMANDS_EXCHANGE, EVENTS_EXCHANGE } from './broker.js';
import { MessageBatches, type Routed } from './message-batches.js';
import { decode } from './message-decoding.js';
import { credentialsIn, HEADER, withoutCredentials } from './message-headers.js';
import type { MessageRequest } from './message-invoker.js';
import { MessageJudge } from './message-judge.js';
import type { ServedScope } from './message-scopes.js';
import { type Arrival, type Ended, MessageSettler, type Settled } from './message-settler.js';
import { UnreadableMessageError } from './settlement.js';

type Outcome = Pick<Ended, 'verdict' | 'result' | 'error'>;

/**
 * The way of every message, in this order: trace, route, access, decode, inbox and Unit of Work, validate, handler,
 * settle.
 * Handlers that take many at once go it together, validating before the inbox ({@link MessageBatches}).
 *
 * It never rejects. A crash before the settlement brings the message again; the inbox, written with the effect,
 * makes that harmless.
 */
@Injectable()
export class MessagePipeline {
  constructor(
    private readonly access: AccessControl,
    private readonly inbox: Inbox,
    private readonly unitOfWork: UnitOfWork,
    private readonly batches: MessageBatches,
    private readonly judge: MessageJudge,
    private readonly settler: MessageSettler,
  ) {}

  async handle(scope: ServedScope, arrival: Arrival): Promise<Settled> {
    try {
      const { message } = arrival.delivery;
      const routed = routeOf(scope, message);
      if (!(routed instanceof Error) && routed.handler.batch) {
        return await this.batches.handle(scope, routed, routed.handler.batch, arrival);
      }
      return await runWithContext(traceOf(message), () => this.#single(scope, routed, arrival));
    } catch (error) {
      return this.settler.bury(arrival.delivery, error);
    }
  }

  async #single(scope: ServedScope, routed: Routed | Error, arrival: Arrival): Promise<Settled> {
    const startedAt = performance.now();
    const route = routed instanceof Error ? 'unknown' : routed.handler.route;
    const outcome = await this.#outcome(scope, routed, arrival);
    return this.settler.settle({ scope, arrival, route, startedAt, ...outcome });
  }

  async #outcome(scope: ServedScope, routed: Routed | Error, arrival: Arrival): Promise<Outcome> {
    try {
      if (routed instanceof Error) throw routed;
      const attributes = { 'messaging.message.id': arrival.delivery.message.id };
      return await withSpan(`${scope.name} ${routed.handler.route}`, 'consumer', attributes, () =>
        this.#run(scope, routed, arrival),
      );
    } catch (error) {
      return { verdict: await this.judge.verdict(error, arrival, scope), error };
    }
  }

  async #run(scope: ServedScope, routed: Routed, arrival: Arrival): Promise<Outcome> {
    const { handler } = routed;
    const admitted = this.access.admit(
      handler.access,
      credentialsIn(arrival.delivery.message.headers),
    );
    const caller = admitted instanceof Promise ? await admitted : admitted; // most messages wait for nothing
    const request = requestOf(routed, arrival, caller);
    if (handler.idempotent && handler.resultType === undefined) {
      return handled(await handler.invoke(request));
    }
    return this.unitOfWork.run(async () => {
      if (!(await this.inbox.accept(scope.name, request.message.id))) {
        return { verdict: { kind: 'ack', outcome: 'duplicate' } };
      }
      crashPoint('consumer.after-inbox');
      const result = await handler.invoke(request);
      crashPoint('consumer.after-handler');
      return handled(result);
    });
  }
}

function handled(result: unknown): Outcome {
  return { verdict: { kind: 'ack', outcome: 'handled' }, result };
}

function traceOf({ headers }: BrokerMessage) {
  return continueTrace(
    headers[HEADER.traceparent],
    headers[HEADER.correlationId],
    headers[HEADER.tracestate],
  );
}

function requestOf({ params }: Routed, arrival: Arrival, caller: Caller): MessageRequest {
  const { delivery, attempt } = arrival;
  const { body, headers } = decode(delivery.message);
  const told = withoutCredentials(headers);
  return { body, headers: told, params, message: delivery.message, attempt, caller };
}

/** A foreign sender names the route in a header; ours and topic senders may leave it to the routing key. */
function routeOf(scope: ServedScope, message: BrokerMessage): Routed | UnreadableMessageError {
  const named = message.headers[HEADER.route];
  if (named === undefined && message.exchange === EVENTS_EXCHANGE) {
    const event = scope.events.match(message.routingKey);
    if (event) return { handler: event.target, params: event.params };
    return new UnreadableMessageError(
      `No handler for event "${message.routingKey}" in scope "${scope.name}"`,
    );
  }
  const path = named ?? pathOf(scope, message);
  if (path === undefined) return new UnreadableMessageError('The message has no header "route"');
  const match = scope.commands.match(path);
  if (match) return { handler: match.target, params: match.params };
  const known = scope.commands.routes.join(', ');
  return new UnreadableMessageError(
    `Unknown route "${path}" in scope "${scope.name}"; it has: ${known}`,
  );
}

function pathOf(scope: ServedScope, message: BrokerMessage): string | undefined {
  const prefix = `${scope.name}.`;
  const isOurs = message.exchange === COMMANDS_EXCHANGE && message.routingKey.startsWith(prefix);
  return isOurs ? message.routingKey.slice(prefix.length).replaceAll('.', '/') : undefined;
}

import { Inject, Injectable, Logger } from '@nestjs/common';
import { ENV, type Env } from '../env.js';
import { Inbox } from '../inbox/inbox.js';
import { continueTrace, runWithContext } from '../observability/trace-context.js';
import { withSpan } from '../observability/tracing.js';
import { Outbox } from '../outbox/outbox.js';
import { eventMessage } from '../outbox/outbox-message.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import {
  BROKER,
  type Broker,
  type BrokerMessage,
  COMMANDS_EXCHANGE,
  type Delivery,
  EVENTS_EXCHANGE,
} from './broker.js';
import { HEADER } from './message-headers.js';
import { MessageMetrics } from './message.metrics.js';
import type { MessageHandler, ServedScope } from './message-scopes.js';
import type { MessageRequest } from './message-invoker.js';
import { UnreadableMessageError, type Verdict, verdictOf } from './settlement.js';

interface Routed {
  readonly route: string;
  readonly handler: MessageHandler;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * The way of every message, in this order: trace, route, decode, inbox and Unit of Work, validate, handler, settle.
 *
 * It never rejects. A crash before the settlement brings the message again; the inbox, written with the effect,
 * makes that harmless.
 */
@Injectable()
export class MessagePipeline {
  readonly #logger = new Logger('Messages');

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(BROKER) private readonly broker: Broker,
    private readonly inbox: Inbox,
    private readonly outbox: Outbox,
    private readonly unitOfWork: UnitOfWork,
    private readonly metrics: MessageMetrics,
  ) {}

  async handle(scope: ServedScope, delivery: Delivery): Promise<void> {
    try {
      const { headers } = delivery.message;
      const trace = continueTrace(
        headers[HEADER.traceparent],
        headers[HEADER.correlationId],
        headers[HEADER.tracestate],
      );
      await runWithContext(trace, () => this.#handleInTrace(scope, delivery));
    } catch (error) {
      this.#logger.error({ err: error, queue: delivery.queue }, 'A message could not even be read');
      await this.#settle(delivery, { kind: 'dead-letter', reason: `unreadable: ${String(error)}` });
    }
  }

  async #handleInTrace(scope: ServedScope, delivery: Delivery): Promise<void> {
    const stopTimer = this.metrics.handleSeconds.startTimer({ queue: delivery.queue });
    let route = 'unknown';
    let verdict: Verdict;
    try {
      const routed = routeOf(scope, delivery.message);
      route = routed.route;
      verdict = await withSpan(
        `${scope.name} ${route}`,
        'consumer',
        { 'messaging.message.id': delivery.message.id },
        () => this.#run(scope, routed, delivery),
      );
    } catch (error) {
      verdict = verdictOf(error, delivery.attempt, this.env.MESSAGE_ATTEMPTS);
      this.#report(verdict, delivery, route, error);
    }
    await this.#settle(delivery, verdict);
    stopTimer();
    this.metrics.handled.inc({
      queue: delivery.queue,
      route,
      outcome: verdict.kind === 'ack' ? verdict.outcome : verdict.kind,
    });
  }

  async #run(scope: ServedScope, routed: Routed, delivery: Delivery): Promise<Verdict> {
    const request: MessageRequest = {
      body: decode(delivery.message),
      params: routed.params,
      headers: delivery.message.headers,
      message: delivery.message,
      attempt: delivery.attempt,
    };
    const { handler } = routed;
    if (handler.idempotent && !handler.resultType) {
      await this.#reply(delivery.message, await handler.invoke(request));
      return { kind: 'ack', outcome: 'handled' };
    }
    const done = await this.unitOfWork.run(async () => {
      if (!(await this.inbox.accept(scope.name, delivery.message.id))) return undefined;
      const result = await handler.invoke(request);
      if (handler.resultType) {
        const event = { type: handler.resultType, key: delivery.message.id, data: result };
        await this.outbox.append([eventMessage(event)]);
      }
      return { result };
    });
    if (!done) return { kind: 'ack', outcome: 'duplicate' };
    await this.#reply(delivery.message, done.result);
    return { kind: 'ack', outcome: 'handled' };
  }

  /** An answer is sent at most once: the asker, who may be gone, repeats the question if it misses it. */
  async #reply(message: BrokerMessage, result: unknown): Promise<void> {
    if (message.replyTo === undefined) return;
    const { replyTo, correlationId } = message;
    await this.broker.reply({
      ...message,
      replyTo,
      ...(correlationId === undefined ? {} : { correlationId }),
      headers: {},
      contentType: 'application/json',
      payload: Buffer.from(JSON.stringify(result ?? null)),
    });
  }

  async #settle(delivery: Delivery, verdict: Verdict): Promise<void> {
    try {
      if (verdict.kind === 'ack') await delivery.ack();
      else if (verdict.kind === 'retry') await delivery.retry(verdict.delayMs, verdict.error);
      else if (verdict.kind === 'dead-letter') await delivery.deadLetter(verdict.reason);
    } catch (error) {
      // The broker has lost us, so it brings the message again.
      this.#logger.warn({ err: error, queue: delivery.queue }, 'Could not settle a message');
    }
  }

  #report(verdict: Verdict, delivery: Delivery, route: string, error: unknown): void {
    const about = {
      queue: delivery.queue,
      route,
      message_id: delivery.message.id,
      attempt: delivery.attempt,
    };
    if (verdict.kind === 'retry')
      this.#logger.warn(
        { ...about, err: error, delay_ms: verdict.delayMs },
        'Message failed and will be tried again',
      );
    if (verdict.kind === 'dead-letter')
      this.#logger.error({ ...about, reason: verdict.reason }, 'Message went to the dead letters');
  }
}

/** A foreign sender names the route in a header; ours and topic senders may leave it to the routing key. */
function routeOf(scope: ServedScope, message: BrokerMessage): Routed {
  const named = message.headers[HEADER.route];
  if (named === undefined && message.exchange === EVENTS_EXCHANGE) {
    const handler = scope.events.get(message.routingKey);
    if (!handler)
      throw new UnreadableMessageError(
        `No handler for event "${message.routingKey}" in scope "${scope.name}"`,
      );
    return { route: message.routingKey, handler, params: {} };
  }
  const path = named ?? pathOf(scope, message);
  const match = scope.commands.match(path);
  if (!match) {
    const known = scope.commands.routes.join(', ');
    throw new UnreadableMessageError(
      `Unknown route "${path}" in scope "${scope.name}"; it has: ${known}`,
    );
  }
  return { route: match.route, handler: match.target, params: match.params };
}

function pathOf(scope: ServedScope, message: BrokerMessage): string {
  const prefix = `${scope.name}.`;
  if (message.exchange === COMMANDS_EXCHANGE && message.routingKey.startsWith(prefix)) {
    return message.routingKey.slice(prefix.length).replaceAll('.', '/');
  }
  throw new UnreadableMessageError(`The message has no header "${HEADER.route}"`);
}

function decode(message: BrokerMessage): unknown {
  const text = message.payload.toString('utf8');
  if (text === '') return undefined;
  if (message.contentType.startsWith('text/plain')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UnreadableMessageError(`The payload is not JSON: ${(error as Error).message}`);
  }
}

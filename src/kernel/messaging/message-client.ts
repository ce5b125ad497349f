import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import {
  ClientProxy,
  type ReadPacket,
  RpcException,
  type WritePacket,
} from '@nestjs/microservices';
import { from, type Observable } from 'rxjs';
import { Clock } from '../clock.js';
import { Ids } from '../ids.js';
import { currentContext } from '../observability/trace-context.js';
import { withSpan } from '../observability/tracing.js';
import { commandMessage, type OutboxMessage, sentAtOnce } from '../outbox/outbox-message.js';
import { Outbox } from '../outbox/outbox.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { BROKER, type Broker, EVENTS_EXCHANGE, type Headers } from './broker.js';
import { EventRoute } from './event-route.js';
import { decode } from './message-decoding.js';
import { contextHeaders } from './message-headers.js';
import { MessageMetrics } from './message.metrics.js';
import { Requests } from './requests.js';

export interface RecordOptions {
  readonly headers?: Headers;
  /** Messages of one key keep their order. */
  readonly key?: string;
  /** How long `send` waits for the reply. Default 5,000. */
  readonly timeoutMs?: number;
}

/** Data for {@link MessageClient} with more to say than the data itself. */
export class MessageRecord<T = unknown> {
  constructor(
    readonly data: T,
    readonly options: RecordOptions = {},
  ) {}
}

/**
 * Lets Nest code send, as any `ClientProxy` does.
 *
 * `emit('tasks.task-succeeded.v1', data)` publishes an event. In a Unit of Work it goes through the outbox: with the
 * commit, at least once, or never. Outside it goes at once, and the Observable completes when the broker has it. It needs
 * no subscriber; a failure is also logged. What is no event route or no JSON is thrown.
 *
 * `send('ml/models/17/train', data)` asks a scope and emits its reply, when subscribed to. It never goes through the
 * outbox. Errors: `RpcException` with `{ code, message }` when the message became a dead letter, and see {@link Requests}.
 */
@Injectable()
export class MessageClient extends ClientProxy implements OnApplicationShutdown {
  readonly #logger = new Logger(MessageClient.name);
  readonly #requests: Requests;

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly outbox: Outbox,
    private readonly unitOfWork: UnitOfWork,
    metrics: MessageMetrics,
  ) {
    super();
    const onLate = (): void => {
      metrics.lateReplies.inc();
    };
    this.#requests = new Requests(broker, { onLate });
  }

  override emit<TResult = unknown, TInput = unknown>(
    pattern: unknown,
    data: TInput,
  ): Observable<TResult> {
    // Now, not when the event loop comes round: it belongs to the Unit of Work that is open here.
    const emitted = this.dispatchEvent<TResult>(this.createPacket(pattern, data));
    emitted.catch((error: unknown) => {
      this.#logger.error({ err: error, pattern }, 'Could not emit an event');
    });
    return from(emitted);
  }

  /** The application connects its broker itself. */
  async connect(): Promise<void> {}

  /** Rejects what waits for a reply. */
  async close(): Promise<void> {
    await this.#requests.close();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  override on(): never {
    throw new Error('The message client has no events of its own; watch BROKER.state()');
  }

  unwrap<T>(): T {
    return this.broker as T;
  }

  /** No async function, so that what is wrong with the event is thrown at once, and fails its Unit of Work. */
  protected dispatchEvent<T = unknown>(packet: ReadPacket<unknown>): Promise<T> {
    const event = this.#event(packet);
    JSON.stringify(event.body);
    return (
      this.unitOfWork.isOpen ? this.outbox.append([event]) : this.#publish(event)
    ) as Promise<T>;
  }

  protected publish(packet: ReadPacket<unknown>, callback: (reply: WritePacket) => void) {
    const givenUp = new AbortController();
    this.#ask(packet, givenUp.signal).then(
      (response) => {
        callback({ response, isDisposed: true });
      },
      (err: unknown) => {
        callback({ err, isDisposed: true });
      },
    );
    return (): void => {
      givenUp.abort();
    };
  }

  #event({ pattern, data, metadata }: ReadPacket<unknown>): OutboxMessage & { id: string } {
    const { data: body, options } = recordOf(data);
    const route = new EventRoute(this.normalizePattern(pattern as string));
    return {
      id: this.ids.next(),
      exchange: EVENTS_EXCHANGE,
      routingKey: route.routingKey(route.values(() => undefined)),
      headers: { ...metadata, ...options.headers },
      body,
      ...(options.key === undefined ? {} : { key: options.key }),
    };
  }

  #publish(event: OutboxMessage & { id: string }): Promise<void> {
    return withSpan(`publish ${event.routingKey}`, 'producer', {}, async () => {
      const [error] = await this.broker.publish([this.#sent(event)]);
      if (error) throw error;
    });
  }

  #ask({ pattern, data, metadata }: ReadPacket<unknown>, signal: AbortSignal): Promise<unknown> {
    const { data: body, options } = recordOf(data);
    const { timeoutMs, key } = options;
    const [queue, route] = addressOf(pattern);
    return withSpan(`send ${queue}`, 'client', {}, async () => {
      const headers = { ...metadata, ...options.headers };
      const order = key === undefined ? {} : { key };
      const command = commandMessage({ queue, route, body }, { headers, ...order });
      const question = this.#sent({ ...command, id: this.ids.next() });
      const waiting = { signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
      return answerIn(decode(await this.#requests.ask(question, waiting)).body);
    });
  }

  #sent(message: OutboxMessage & { id: string }) {
    const headers = { ...contextHeaders(currentContext()), ...message.headers };
    return sentAtOnce({ ...message, headers }, this.clock.now());
  }
}

function recordOf(data: unknown): MessageRecord {
  return data instanceof MessageRecord ? data : new MessageRecord(data);
}

/** `ml/models/17/train`: the queue, which is the scope's name, and the route in it. */
function addressOf(pattern: unknown): [queue: string, route: string] {
  const [queue = '', ...route] = typeof pattern === 'string' ? pattern.split('/') : [];
  if (queue !== '' && route.length > 0) return [queue, route.join('/')];
  throw new Error(`${JSON.stringify(pattern)} is no command: "<scope>/<route>"`);
}

/** What the handler returned. Throws what became of the message instead: `{ "error": { "code", "message" } }`. */
function answerIn(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('error' in body)) return body;
  const { error, ...more } = body;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (Object.keys(more).length > 0) return body;
  if (typeof code !== 'string' || typeof message !== 'string') return body;
  throw new RpcException({ code, message });
}

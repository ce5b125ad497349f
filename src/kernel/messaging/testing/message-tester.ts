import { Buffer } from 'node:buffer';
import type { DynamicModule, ModuleMetadata, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Clock } from '../../clock.js';
import { loadEnv } from '../../env.js';
import { createHttpApp } from '../../http/http-app.js';
import { Ids } from '../../ids.js';
import { shardOf, toBrokerMessage } from '../../outbox/outbox-message.js';
import { Outbox } from '../../outbox/outbox.js';
import {
  type BrokerMessage,
  COMMANDS_EXCHANGE,
  type Delivery,
  EVENTS_EXCHANGE,
  type Headers,
} from '../broker.js';
import { EventRoute } from '../event-route.js';
import { HEADER } from '../message-headers.js';
import { MessagePipeline } from '../message-pipeline.js';
import { MessageScopes, type ServedScope } from '../message-scopes.js';
import { type Arrival, MessageSettler } from '../message-settler.js';
import { type InMemoryOutbox, onTheWire, type Published, type VirtualClock } from './in-memory.js';
import { TestDelivery } from './test-delivery.js';
import { TestingModule, type WatchedSettler } from './testing.module.js';

/** Like the metadata of a module, and settings of the environment. */
export interface TesterOptions extends Pick<
  ModuleMetadata,
  'imports' | 'controllers' | 'providers'
> {
  readonly env?: Readonly<Record<string, string>>;
}

/** What became of a message in the end. `result` is what a reply would say: null when the method returned nothing. */
export type MessageEnd =
  | { readonly kind: 'handled'; readonly result: unknown }
  | { readonly kind: 'duplicate' | 'skipped' | 'given-back' }
  | { readonly kind: 'dead-letter'; readonly reason: string };

/** A failed attempt that was followed by another one. */
export interface Retry {
  readonly attempt: number;
  readonly delayMs: number;
  readonly error: string;
}

export type SentOptions = Partial<Pick<BrokerMessage, 'id' | 'headers' | 'contentType'>>;

/** A message that comes again so often would come for ever: such attempts do not count. */
const MAX_ARRIVALS = 100;

const ENVIRONMENT = {
  NODE_ENV: 'test',
  AUTH_MODE: 'open',
  LOG_LEVEL: 'silent',
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing',
};

/**
 * Drives message controllers without broker and database: the pipeline, its routes, decoding, validation, guards,
 * settlement, batches and published results are the real ones. What would be kept outside (inbox, outbox, transactions)
 * is kept in memory, and the delays between attempts pass at once.
 *
 * Not here: order of keys, prefetch, circuits, the wire. A provider that runs SQL has to be replaced.
 */
export class MessageTester {
  /** Failed attempts of all messages, in their order. */
  readonly retries: Retry[] = [];
  readonly #scopes: readonly ServedScope[];
  readonly #pipeline: MessagePipeline;
  readonly #settler: WatchedSettler;
  readonly #outbox: InMemoryOutbox;
  readonly #clock: VirtualClock;
  readonly #ids: Ids;

  private constructor(private readonly app: NestFastifyApplication) {
    this.#scopes = app.get(MessageScopes).find();
    this.#pipeline = app.get(MessagePipeline);
    this.#settler = app.get(MessageSettler);
    this.#outbox = app.get(Outbox);
    this.#clock = app.get(Clock);
    this.#ids = app.get(Ids);
  }

  /** Fails as the boot would: for routes that clash, settings that contradict each other, providers that are missing. */
  static async of({ env, ...module }: TesterOptions): Promise<MessageTester> {
    const settings = loadEnv({ ...ENVIRONMENT, ...env });
    class TestedModule {}
    const root: DynamicModule = {
      ...module,
      module: TestedModule,
      imports: [TestingModule.for(settings), ...(module.imports ?? [])],
    };
    const app = await createHttpApp(root, settings, { logger: false, abortOnError: false });
    await app.init();
    return new MessageTester(app);
  }

  /** What was published through the outbox, by committed work only. */
  get published(): readonly Published[] {
    return this.#outbox.published;
  }

  /**
   * Sends a command to `queue/route`, or to `queue` with a header `route`, and follows it to its end, through all its
   * attempts. A text is sent as it is, as `text/plain` unless the options say otherwise; a Buffer too; all else as JSON.
   */
  async send(target: string, body?: unknown, options: SentOptions = {}): Promise<MessageEnd> {
    const [queue = '', ...route] = target.split('/');
    const scope = this.#scopes.find(({ queues }) => queues.some(({ name }) => name === queue));
    if (!scope) throw new Error(`Unroutable: there is no queue "${queue}"`);
    const named = route.length > 0 ? { [HEADER.route]: route.join('/') } : {};
    return this.#follow(scope, queue, {
      id: options.id ?? this.#ids.next(),
      exchange: COMMANDS_EXCHANGE,
      routingKey: queue,
      headers: { ...named, ...options.headers },
      contentType: options.contentType ?? contentTypeOf(body),
      payload: payloadOf(body),
    });
  }

  /** Publishes an event, as the outbox would, to every scope that subscribed to it; answers how it ended, by scope. */
  async emit(
    type: string,
    data: unknown,
    {
      id = this.#ids.next(),
      key,
      headers = {},
    }: { id?: string; key?: string; headers?: Headers } = {},
  ): Promise<Readonly<Record<string, MessageEnd>>> {
    const routingKey = new EventRoute(type).routingKey([]);
    const message = toBrokerMessage({
      shard: shardOf(key ?? id),
      seq: '1',
      id,
      key: key ?? null,
      exchange: EVENTS_EXCHANGE,
      routing_key: routingKey,
      headers: JSON.stringify(headers),
      payload: JSON.stringify(data ?? null),
      created_at: this.#clock.now(),
    });
    const ends: Record<string, MessageEnd> = {};
    for (const scope of this.#scopes.filter(({ events }) => events.match(routingKey))) {
      ends[scope.name] = await this.#follow(scope, scope.name, message);
    }
    return ends;
  }

  /** Calls the other door of a controller, without a socket; Fastify's `inject`. */
  get request(): NestFastifyApplication['inject'] {
    return this.app.inject.bind(this.app);
  }

  /** A provider, or a controller, as the application has it. */
  get<T>(token: Type<T> | symbol): T {
    return this.app.get<T>(token, { strict: false });
  }

  async close(): Promise<void> {
    await this.app.close();
  }

  async #follow(scope: ServedScope, queue: string, message: BrokerMessage): Promise<MessageEnd> {
    let arrival: Arrival = { delivery: new TestDelivery(queue, message, 1), attempt: 1 };
    for (let arrivals = 0; arrivals < MAX_ARRIVALS; arrivals += 1) {
      const { attempt } = arrival;
      const delivery = arrival.delivery as TestDelivery;
      const { againAfterMs } = await this.#pipeline.handle(scope, arrival);
      const end = this.#endOf(delivery);
      if (end) return end;
      const error = this.#errorOf(delivery);
      const delayMs = againAfterMs ?? delivery.again?.delayMs ?? 0;
      this.retries.push({ attempt, delayMs, error });
      this.#clock.advance(delayMs);
      if (againAfterMs === undefined) arrival = delivery.next();
    }
    const last = this.retries.at(-1)?.error ?? '';
    throw new Error(`The message would come again for ever, its attempts do not count: ${last}`);
  }

  /** Undefined when it is to be tried again. */
  #endOf(delivery: TestDelivery): MessageEnd | undefined {
    if (delivery.reason !== undefined) return { kind: 'dead-letter', reason: delivery.reason };
    const ended = this.#settler.endOf(delivery);
    if (ended?.verdict.kind === 'give-back') return { kind: 'given-back' };
    if (ended?.verdict.kind !== 'ack') return undefined;
    const { outcome } = ended.verdict;
    return outcome === 'handled'
      ? { kind: outcome, result: onTheWire(ended.result) }
      : { kind: outcome };
  }

  #errorOf(delivery: Delivery): string {
    const verdict = this.#settler.endOf(delivery)?.verdict;
    return verdict?.kind === 'retry' ? verdict.error : '';
  }
}

function contentTypeOf(body: unknown): string {
  return typeof body === 'string' ? 'text/plain' : 'application/json';
}

function payloadOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (typeof body === 'string') return Buffer.from(body);
  return Buffer.from(body === undefined ? '' : JSON.stringify(body));
}

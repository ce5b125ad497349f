import { crc32 } from 'node:zlib';
import type { DomainEvent } from '../domain/domain-event.js';
import { COMMANDS_EXCHANGE, EVENTS_EXCHANGE, type Headers } from '../messaging/broker.js';
import { HEADER } from '../messaging/message-headers.js';

/** Shards divide the outbox between relays; one relay owns a shard at a time, so a key keeps its order. */
export const SHARDS = 64;

/** A message to be sent once the current Unit of Work is committed. */
export interface OutboxMessage {
  /** Default: a new UUID v7. A caller that may append the same message twice gives its own. */
  readonly id?: string;
  /** Messages of one key are published in the order of their commits. Default: no order. */
  readonly key?: string;
  readonly exchange: typeof EVENTS_EXCHANGE | typeof COMMANDS_EXCHANGE;
  readonly routingKey: string;
  /** Over the trace and correlation headers of the current context. */
  readonly headers?: Headers;
  /** Anything JSON can carry. */
  readonly body: unknown;
  /** Default: at once. */
  readonly dueAt?: Date;
}

/** A stored message, with the place that gives its order. */
export interface OutboxRow {
  readonly shard: number;
  /** A Postgres bigint as text. */
  readonly seq: string;
  readonly id: string;
  readonly key: string | null;
  readonly exchange: OutboxMessage['exchange'];
  readonly routing_key: string;
  readonly headers: string;
  readonly payload: string;
}

export function shardOf(keyOrId: string): number {
  return crc32(keyOrId) % SHARDS;
}

/** An order to one queue: `route` picks the handler, as in `create` or `019…/cancel`. */
export function commandMessage(
  command: { queue: string; route: string; body: unknown },
  options: Pick<OutboxMessage, 'id' | 'key' | 'dueAt' | 'headers'> = {},
): OutboxMessage {
  return {
    ...options,
    exchange: COMMANDS_EXCHANGE,
    routingKey: command.queue,
    headers: { ...options.headers, [HEADER.route]: command.route },
    body: command.body,
  };
}

/** A fact for whoever listens: the event's type is its routing key. */
export function eventMessage(event: DomainEvent, headers: Headers = {}): OutboxMessage {
  return {
    key: event.key,
    exchange: EVENTS_EXCHANGE,
    routingKey: event.type,
    headers: { ...headers, ...cloudEventHeaders(event) },
    body: event.data,
  };
}

/** CloudEvents 1.0, AMQP binding, binary mode; `id` and `time` are filled in by the relay's message id and time. */
function cloudEventHeaders(event: DomainEvent): Headers {
  return {
    'cloudEvents:specversion': '1.0',
    'cloudEvents:type': event.type,
    'cloudEvents:source': `/millrace/${event.type.split('.', 1)[0] ?? ''}`,
    'cloudEvents:subject': event.key,
  };
}

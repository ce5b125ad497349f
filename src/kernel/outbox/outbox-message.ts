import { crc32 } from 'node:zlib';
import type { DomainEvent } from '../domain/domain-event.js';
import {
  type BrokerMessage,
  COMMANDS_EXCHANGE,
  EVENTS_EXCHANGE,
  type Headers,
} from '../messaging/broker.js';
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
  readonly created_at: Date;
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
export function eventMessage(event: DomainEvent<unknown>, headers: Headers = {}): OutboxMessage {
  return {
    key: event.key,
    exchange: EVENTS_EXCHANGE,
    routingKey: event.type,
    headers,
    body: event.data,
  };
}

/** Header that holds, in the outbox only, a message of {@link passedOn} but for its bytes, which are kept in base64. */
const PASSED_ON = 'x-outbox-passed-on';

/** A message that goes once more, as it once came, into one queue: its id, address, headers and bytes are its own. */
export function passedOn(message: BrokerMessage & { toQueue: string }): OutboxMessage {
  const { payload, ...rest } = message;
  return {
    exchange: COMMANDS_EXCHANGE,
    routingKey: message.toQueue,
    headers: { [PASSED_ON]: JSON.stringify(rest) },
    body: payload.toString('base64'),
  };
}

/** The row as it goes over the wire. An event's CloudEvents attributes follow from the row, so they are not stored. */
export function toBrokerMessage(row: OutboxRow): BrokerMessage {
  const headers = JSON.parse(row.headers) as Record<string, string>;
  const asItCame = headers[PASSED_ON];
  if (asItCame !== undefined) {
    const payload = Buffer.from(JSON.parse(row.payload) as string, 'base64');
    return { ...(JSON.parse(asItCame) as Omit<BrokerMessage, 'payload'>), payload };
  }
  if (row.exchange === EVENTS_EXCHANGE) addCloudEvent(headers, row);
  else if (row.key !== null) headers[HEADER.key] = row.key;
  return {
    id: row.id,
    exchange: row.exchange,
    routingKey: row.routing_key,
    headers,
    contentType: 'application/json',
    payload: Buffer.from(row.payload),
  };
}

/** A message that does not wait for a relay, as the relay would send it. */
export function sentAtOnce(message: OutboxMessage & { id: string }, now: Date): BrokerMessage {
  return toBrokerMessage({
    shard: 0,
    seq: '0',
    id: message.id,
    key: message.key ?? null,
    exchange: message.exchange,
    routing_key: message.routingKey,
    headers: JSON.stringify(message.headers ?? {}),
    payload: JSON.stringify(message.body ?? null),
    created_at: now,
  });
}

/** CloudEvents 1.0, AMQP protocol binding, binary content mode. */
function addCloudEvent(headers: Record<string, string>, row: OutboxRow): void {
  const [context = ''] = row.routing_key.split('.', 1);
  headers['cloudEvents:specversion'] = '1.0';
  headers['cloudEvents:id'] = row.id;
  headers['cloudEvents:type'] = row.routing_key;
  headers['cloudEvents:source'] = `/millrace/${context}`;
  headers['cloudEvents:time'] = row.created_at.toISOString();
  if (row.key !== null) headers[HEADER.subject] = row.key;
}

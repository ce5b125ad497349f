import { Buffer } from 'node:buffer';
import type { ConsumeMessage, Options } from 'amqplib';
import { COMMANDS_EXCHANGE, EVENTS_EXCHANGE, type BrokerMessage, type Headers } from '../broker.js';
import { HEADER, withoutCredentials } from '../message-headers.js';

/** One message on its way out. */
export interface Outgoing {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly options: Options.Publish;
}

/** Where a message came from before a retry or the dead-letter exchange changed its address. */
const ORIGINAL_EXCHANGE = 'x-exchange';
const ORIGINAL_ROUTING_KEY = 'x-routing-key';
const OWN = new Set([ORIGINAL_EXCHANGE, ORIGINAL_ROUTING_KEY]);

/**
 * Headers that brokers write. Sent back, they would be counted on or, since RabbitMQ 4, refused. CC and BCC would
 * send copies of a retry to strangers.
 */
const BROKERS_OWN = /^(x-death|x-(first|last)-death-.*|x-delivery-count|x-acquired-count|B?CC)$/;

/** Longest error text that travels in a header; the whole of it is in the log. */
const MAX_ERROR_LENGTH = 2_000;

const NO_HEADERS: Record<string, unknown> = {};

export function toOutgoing(message: BrokerMessage): Outgoing {
  const { toQueue } = message;
  const isStraight = toQueue !== undefined;
  return {
    exchange: isStraight ? '' : message.exchange,
    routingKey: toQueue ?? message.routingKey,
    content: message.payload,
    options: {
      persistent: true,
      mandatory: isStraight || message.exchange === COMMANDS_EXCHANGE,
      messageId: message.id,
      contentType: message.contentType,
      headers: isStraight ? withAddress(message) : message.headers,
      ...(message.replyTo === undefined ? {} : { replyTo: message.replyTo }),
      ...(message.correlationId === undefined ? {} : { correlationId: message.correlationId }),
    },
  };
}

/** What goes straight into a queue carries the address that it was first sent to. */
function withAddress({ headers, exchange, routingKey }: BrokerMessage): Headers {
  return { ...headers, [ORIGINAL_EXCHANGE]: exchange, [ORIGINAL_ROUTING_KEY]: routingKey };
}

/** What a delivery says, with the address it was first sent to and every header as text. */
export function toMessage(delivered: ConsumeMessage): BrokerMessage {
  const { properties, content } = delivered;
  const raw = headersOf(delivered);
  const headers = { ...textHeaders(raw), ...deathHeaders(raw) };
  return {
    id: text(properties.messageId),
    ...originalAddress(delivered, raw),
    headers,
    contentType: properties.contentType ? text(properties.contentType) : 'application/json',
    payload: content,
    ...(properties.replyTo ? { replyTo: text(properties.replyTo) } : {}),
    ...(properties.correlationId ? { correlationId: text(properties.correlationId) } : {}),
  };
}

export function attemptOf(delivered: ConsumeMessage): number {
  const attempt = Number(headersOf(delivered)[HEADER.attempt]);
  return Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1;
}

/** The same message for another exchange, knowing its first address. `more` are headers to set. */
export function readdressed(
  delivered: ConsumeMessage,
  to: { exchange: string; routingKey: string },
  more: Headers,
): Outgoing {
  const { properties, content } = delivered;
  const raw = headersOf(delivered);
  const { exchange, routingKey } = originalAddress(delivered, raw);
  return {
    ...to,
    content,
    options: {
      persistent: true,
      mandatory: true, // it must arrive: the delivery it stands for is acknowledged afterwards
      // No expiration (it would end a wait early) and no userId (RabbitMQ compares it with ours).
      ...definedOf(properties, [
        'messageId',
        'contentType',
        'contentEncoding',
        'replyTo',
        'correlationId',
        'timestamp',
        'type',
        'appId',
      ]),
      headers: {
        ...withoutBrokersOwn(raw),
        [ORIGINAL_EXCHANGE]: exchange,
        [ORIGINAL_ROUTING_KEY]: routingKey,
        ...more,
      },
    },
  };
}

/**
 * The same message for the same queue, with an id of its own. RabbitMQ gives messages no identity, and a digest
 * would take two equal ones for one.
 */
export function adopted(delivered: ConsumeMessage, queue: string, id: string): Outgoing {
  const death = deathHeaders(headersOf(delivered));
  const next = readdressed(delivered, { exchange: '', routingKey: queue }, death);
  return { ...next, options: { ...next.options, messageId: id } };
}

/** The headers of the next attempt. */
export function retryHeaders(
  delivered: ConsumeMessage,
  { error, attempt, now }: { error: string; attempt: number; now: Date },
): Headers {
  return {
    [HEADER.attempt]: String(attempt),
    [HEADER.firstAt]: text(headersOf(delivered)[HEADER.firstAt]) || now.toISOString(),
    [HEADER.error]: error.slice(0, MAX_ERROR_LENGTH),
  };
}

/** The same message as a dead letter, which does not say who sent it: a token outlives no message. */
export function buried(
  delivered: ConsumeMessage,
  to: { exchange: string; routingKey: string },
  reason: string,
): Outgoing {
  const next = readdressed(delivered, to, {
    [HEADER.error]: reason.slice(0, MAX_ERROR_LENGTH),
    [HEADER.diedAt]: new Date().toISOString(),
  });
  const headers = withoutCredentials(next.options.headers as Record<string, unknown>);
  return { ...next, options: { ...next.options, headers } };
}

/** AMQP's values of any type as text: numbers and booleans as written, instants in ISO 8601, the rest as JSON. */
function text(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (Buffer.isBuffer(value)) return value.toString();
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'object' && '!' in value && 'value' in value)
    return taggedText(value['!'], value.value);
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? inner.toString() : inner,
  );
}

function taggedText(type: unknown, value: unknown): string {
  if (type !== 'timestamp' || typeof value !== 'number') return text(value);
  const instant = new Date(value * 1_000);
  return Number.isNaN(instant.getTime()) ? String(value) : instant.toISOString();
}

function headersOf({ properties }: ConsumeMessage): Record<string, unknown> {
  return properties.headers ?? NO_HEADERS;
}

function textHeaders(raw: Record<string, unknown>): Headers {
  const headers: Record<string, string> = {};
  for (const name in raw) {
    if (!OWN.has(name) && !BROKERS_OWN.test(name)) headers[name] = text(raw[name]);
  }
  return headers;
}

function withoutBrokersOwn(raw: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(raw).filter(([name]) => !BROKERS_OWN.test(name)));
}

type Address = Pick<BrokerMessage, 'exchange' | 'routingKey'>;

/** A message put straight into a queue counts as a command to that queue. */
function originalAddress({ fields }: ConsumeMessage, raw: Record<string, unknown>): Address {
  const [exchange, routingKey] = [raw[ORIGINAL_EXCHANGE], raw[ORIGINAL_ROUTING_KEY]];
  if (isOurs(exchange) && routingKey !== undefined)
    return { exchange, routingKey: text(routingKey) };
  if (isOurs(fields.exchange)) return { exchange: fields.exchange, routingKey: fields.routingKey };
  return addressBeforeDeath(raw) ?? { exchange: COMMANDS_EXCHANGE, routingKey: fields.routingKey };
}

/** A message that the broker itself gave up (x-delivery-limit) has its first address only in x-death. */
function addressBeforeDeath(raw: Record<string, unknown>): Address | undefined {
  for (const death of deathsOf(raw)) {
    const keys = death['routing-keys'];
    if (isOurs(death['exchange']) && Array.isArray(keys)) {
      return { exchange: death['exchange'], routingKey: text(keys[0]) };
    }
  }
  return undefined;
}

/**
 * What a message lacks that became a dead letter without our doing (x-delivery-limit, rejected as it is): the reason,
 * and when. The wait before a retry ends with a death as well (expired), which is none.
 */
function deathHeaders(raw: Record<string, unknown>): Headers {
  const [death] = deathsOf(raw);
  if (!death || death['reason'] === 'expired') return {};
  const before = text(raw[HEADER.error]);
  const reason = `given up by the broker: ${text(death['reason'])}`;
  return {
    [HEADER.error]: before ? `${reason}; before that: ${before}` : reason,
    [HEADER.diedAt]: text(death['time']),
  };
}

function deathsOf(raw: Record<string, unknown>): Record<string, unknown>[] {
  const deaths = raw['x-death'];
  return Array.isArray(deaths) ? (deaths as Record<string, unknown>[]) : [];
}

function isOurs(exchange: unknown): exchange is BrokerMessage['exchange'] {
  return exchange === EVENTS_EXCHANGE || exchange === COMMANDS_EXCHANGE;
}

function definedOf<T extends object>(from: T, names: readonly (keyof T)[]): Partial<T> {
  const found: Partial<T> = {};
  for (const name of names) if (from[name] !== undefined) found[name] = from[name];
  return found;
}

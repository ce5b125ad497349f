import {
  type BrokerMessage,
  COMMANDS_EXCHANGE,
  type Delivery,
  EVENTS_EXCHANGE,
} from '../messaging/broker.js';
import { HEADER, withoutCredentials } from '../messaging/message-headers.js';

export const DEAD_LETTER_STATES = ['dead', 'redriven'] as const;
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number];

/** A message that died, as it is stored. Texts but the headers are {@link storable}; the headers are JSON. */
export interface DeadLetterRow {
  readonly id: string;
  /** The scope's queue that the message died in. */
  readonly queue: string;
  readonly message_id: string;
  readonly exchange: string;
  readonly routing_key: string;
  readonly route: string | null;
  readonly headers: string;
  readonly content_type: string;
  readonly payload: Buffer;
  readonly reply_to: string | null;
  readonly correlation_id: string | null;
  readonly reason: string;
  readonly reason_class: string;
  readonly attempts: number;
  readonly deaths: number;
  readonly first_at: Date;
  readonly died_at: Date;
}

const MAX_REASON_LENGTH = 2_000;
const MAX_CLASS_LENGTH = 100;
const MAX_INTEGER = 2_147_483_647;
/** More is not believed; it leaves the count of deaths room to grow. */
const MAX_REDRIVES = 1_000_000;
/** Headers of the life that ended; a redriven message begins with its first attempt. */
const OF_ITS_LIFE: readonly string[] = [
  HEADER.attempt,
  HEADER.diedAt,
  HEADER.error,
  HEADER.firstAt,
  HEADER.redrives,
];

/** The row of a letter. `now` stands for instants that its headers lack, or that are none. */
export function rowOf(delivery: Delivery, queue: string, id: string, now: Date): DeadLetterRow {
  const { message, attempt } = delivery;
  const { headers } = message;
  const reason = headers[HEADER.error] ?? 'no reason was given';
  const diedAt = instant(headers[HEADER.diedAt], now);
  return {
    id,
    queue,
    message_id: storable(message.id),
    exchange: message.exchange,
    routing_key: storable(message.routingKey),
    route: storableOrNull(headers[HEADER.route]),
    headers: JSON.stringify(withoutCredentials(headers)),
    content_type: storable(message.contentType),
    payload: message.payload,
    reply_to: storableOrNull(message.replyTo),
    correlation_id: storableOrNull(message.correlationId),
    reason: storable(reason.slice(0, MAX_REASON_LENGTH)),
    reason_class: storable(reasonClass(reason)),
    attempts: Math.min(attempt, MAX_INTEGER),
    deaths: redrivesOf(headers[HEADER.redrives]) + 1,
    first_at: instant(headers[HEADER.firstAt], diedAt),
    died_at: diedAt,
  };
}

/** The message for another life: its id, address, bytes and headers as they were, straight into the queue it died in. */
export function revived(row: DeadLetterRow): BrokerMessage & { toQueue: string } {
  const headers = JSON.parse(row.headers) as Record<string, string>;
  const kept = Object.entries(headers).filter(([name]) => !OF_ITS_LIFE.includes(name));
  return {
    toQueue: row.queue,
    id: original(row.message_id),
    exchange: row.exchange === EVENTS_EXCHANGE ? EVENTS_EXCHANGE : COMMANDS_EXCHANGE,
    routingKey: original(row.routing_key),
    headers: { ...Object.fromEntries(kept), [HEADER.redrives]: String(row.deaths) },
    contentType: original(row.content_type),
    payload: row.payload,
    ...(row.reply_to === null ? {} : { replyTo: original(row.reply_to) }),
    ...(row.correlation_id === null ? {} : { correlationId: original(row.correlation_id) }),
  };
}

/**
 * A text as Postgres takes it: NUL, halves of surrogate pairs, and the backslash that marks them, as `\uXXXX`.
 * {@link original} is the reverse.
 */
export function storable(text: string): string {
  return text.replace(/[\\\0]|\p{Surrogate}/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

export function original(stored: string): string {
  return stored.replace(/\\u([0-9a-f]{4})/g, (_, code: string) => {
    return String.fromCharCode(parseInt(code, 16));
  });
}

/** What a reason has in common with those of its kind: `UnreadableMessageError`, `task-not-found`, `Error`. */
export function reasonClass(reason: string): string {
  const [byTheBroker] = /^given up by the broker: \w+/.exec(reason) ?? [];
  const cause = reason.replace(/^gave up after \d+ attempts: /, '');
  const [kind = ''] = cause.split(/[:\n]/, 1);
  return (byTheBroker ?? kind).slice(0, MAX_CLASS_LENGTH);
}

function storableOrNull(text: string | undefined): string | null {
  return text === undefined ? null : storable(text);
}

/** Any sender may set these headers, so nothing before 1970 or after now is believed. */
function instant(text: string | undefined, otherwise: Date): Date {
  const time = Date.parse(text ?? '');
  return time >= 0 && time <= otherwise.getTime() ? new Date(time) : otherwise;
}

function redrivesOf(header: string | undefined): number {
  const count = Number(header ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? Math.min(count, MAX_REDRIVES) : 0;
}

import { Buffer, isUtf8 } from 'node:buffer';
import { type BrokerMessage, COMMANDS_EXCHANGE, EVENTS_EXCHANGE } from '../broker.js';

/**
 * A message as the `data` of a pg-boss job. The payload is kept as text when it is UTF-8, which nearly every payload
 * is: a person can read it in psql, and base64 is a third larger. Bytes that jsonb cannot hold as text are
 * kept as base64. `seq` ascends within a publisher and puts the rows of one fetch in order.
 */
export interface Envelope {
  readonly seq: number;
  readonly message?: StoredMessage;
  /** Instead of `message`: its JSON in base64, where a header or key holds text that jsonb refuses (NUL). */
  readonly packed?: string;
}

interface StoredMessage {
  readonly id: string;
  readonly exchange: BrokerMessage['exchange'];
  readonly routingKey: string;
  readonly headers: BrokerMessage['headers'];
  readonly contentType: string;
  readonly text?: string;
  readonly base64?: string;
  readonly replyTo?: string;
  readonly correlationId?: string;
}

export function encode(message: BrokerMessage): Envelope {
  const { payload, toQueue: _where, ...rest } = message;
  const seq = nextSeq();
  const stored: StoredMessage = { ...rest, ...encodePayload(payload) };
  if (isStorable(stored)) return { seq, message: stored };
  return { seq, packed: Buffer.from(JSON.stringify(stored)).toString('base64') };
}

/**
 * The message of a job. A job that some other program put into pg-boss becomes a message with the job's data as its
 * JSON payload and the job's id, so that the pipeline can judge it instead of it looping here.
 */
export function decode(jobId: string, data: unknown): BrokerMessage {
  const stored = unpack(data);
  if (stored === undefined) return foreign(jobId, data);
  const { text, base64, ...rest } = stored;
  return { ...rest, payload: decodePayload(text, base64) };
}

export function seqOf(data: unknown): number {
  return isRecord(data) && typeof data['seq'] === 'number' ? data['seq'] : 0;
}

/** Microseconds of the wall clock, moved on by one where the clock stands still or steps back. */
let lastSeq = 0;
function nextSeq(): number {
  lastSeq = Math.max(lastSeq + 1, Date.now() * 1_000);
  return lastSeq;
}

function encodePayload(payload: Buffer): { text: string } | { base64: string } {
  return isUtf8(payload) && !payload.includes(0)
    ? { text: payload.toString('utf8') }
    : { base64: payload.toString('base64') };
}

function decodePayload(text: string | undefined, base64: string | undefined): Buffer {
  return base64 === undefined ? Buffer.from(text ?? '', 'utf8') : Buffer.from(base64, 'base64');
}

function isStorable({ headers, text, base64, ...fields }: StoredMessage): boolean {
  return [fields, headers].every((strings) =>
    Object.entries(strings).every(([name, value]) => isJsonbText(name) && isJsonbText(value)),
  );
}

function isJsonbText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

function unpack(data: unknown): StoredMessage | undefined {
  if (!isRecord(data) || typeof data['seq'] !== 'number') return undefined;
  const stored: unknown =
    typeof data['packed'] === 'string'
      ? JSON.parse(Buffer.from(data['packed'], 'base64').toString('utf8'))
      : data['message'];
  return isStoredMessage(stored) ? stored : undefined;
}

function isStoredMessage(value: unknown): value is StoredMessage {
  if (!isRecord(value) || !isRecord(value['headers'])) return false;
  const known = value['exchange'] === EVENTS_EXCHANGE || value['exchange'] === COMMANDS_EXCHANGE;
  return known && ['id', 'routingKey', 'contentType'].every((k) => typeof value[k] === 'string');
}

function foreign(jobId: string, data: unknown): BrokerMessage {
  return {
    id: jobId,
    exchange: COMMANDS_EXCHANGE,
    routingKey: '',
    headers: {},
    contentType: 'application/json',
    payload: Buffer.from(JSON.stringify(data ?? null), 'utf8'),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

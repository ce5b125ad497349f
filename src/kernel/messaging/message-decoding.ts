import { Buffer, isUtf8 } from 'node:buffer';
import type { BrokerMessage, Headers } from './broker.js';
import { UnreadableMessageError } from './settlement.js';

/** What a message says: its body, and its headers with the attributes that its body carried. */
export interface Decoded {
  readonly body: unknown;
  readonly headers: Headers;
}

const STRUCTURED = 'application/cloudevents+json';
const CLOUD_EVENTS_BATCH = 'application/cloudevents-batch';

/**
 * Reads JSON, text (`text/plain`) and CloudEvents 1.0, whose attributes are headers `cloudEvents:*` in both modes: in
 * binary mode they came as such, in structured mode (`application/cloudevents+json`) they are taken out of the body.
 * An empty payload is no body. Throws {@link UnreadableMessageError}.
 */
export function decode(message: BrokerMessage): Decoded {
  const { contentType, payload, headers } = message;
  if (contentType.startsWith(CLOUD_EVENTS_BATCH)) {
    throw new UnreadableMessageError('CloudEvents in batches are not taken; send each by itself');
  }
  if (isStructured(message)) return unwrap(payload, headers);
  return { body: decodePayload(payload, contentType), headers };
}

export function isStructured({ contentType }: BrokerMessage): boolean {
  return contentType.startsWith(STRUCTURED);
}

function decodePayload(payload: Buffer, contentType: string): unknown {
  if (!isUtf8(payload)) throw new UnreadableMessageError('The payload is not UTF-8');
  const text = payload.toString('utf8');
  if (text === '') return undefined;
  if (contentType.startsWith('text/plain')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UnreadableMessageError(`The payload is not JSON: ${(error as Error).message}`);
  }
}

function unwrap(payload: Buffer, outer: Headers): Decoded {
  const event = decodePayload(payload, STRUCTURED);
  if (!isRecord(event) || event['specversion'] !== '1.0') {
    throw new UnreadableMessageError('The payload is no CloudEvent of version 1.0');
  }
  const { data, data_base64: base64, ...attributes } = event;
  const headers: Record<string, string> = { ...outer };
  for (const [name, value] of Object.entries(attributes)) {
    headers[`cloudEvents:${name}`] = typeof value === 'string' ? value : JSON.stringify(value);
  }
  if (typeof base64 !== 'string') return { body: data, headers };
  const type = headers['cloudEvents:datacontenttype'] ?? 'application/json';
  return { body: decodePayload(Buffer.from(base64, 'base64'), type), headers };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

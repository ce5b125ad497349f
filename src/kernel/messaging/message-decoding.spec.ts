import { Buffer } from 'node:buffer';
import { type BrokerMessage, EVENTS_EXCHANGE } from './broker.js';
import { decode } from './message-decoding.js';

const message = (contentType: string, payload: string | Buffer | object): BrokerMessage => ({
  id: '1',
  exchange: EVENTS_EXCHANGE,
  routingKey: 'a.b',
  headers: { tenant: 'x' },
  contentType,
  payload:
    typeof payload === 'string' || Buffer.isBuffer(payload)
      ? Buffer.from(payload)
      : Buffer.from(JSON.stringify(payload)),
});
const EVENT = { specversion: '1.0', id: 'e-1', type: 'a.b', source: '/s', subject: '17' };
const STRUCTURED = 'application/cloudevents+json; charset=utf-8';

describe('the payload of a message', () => {
  it.each([
    ['application/json', '{"a":1}', { a: 1 }],
    ['application/octet-stream', '[1]', [1]],
    ['text/plain; charset=utf-8', '{"a":1}', '{"a":1}'],
    ['application/json', '', undefined],
  ])('is read as %s', (type, payload, body) => {
    expect(decode(message(type, payload))).toEqual({ body, headers: { tenant: 'x' } });
  });

  it('is unwrapped out of a structured CloudEvent, whose attributes become headers', () => {
    const event = { ...EVENT, sequence: 7, data: { a: 1 } };
    expect(decode(message(STRUCTURED, event))).toEqual({
      body: { a: 1 },
      headers: {
        tenant: 'x',
        'cloudEvents:specversion': '1.0',
        'cloudEvents:id': 'e-1',
        'cloudEvents:type': 'a.b',
        'cloudEvents:source': '/s',
        'cloudEvents:subject': '17',
        'cloudEvents:sequence': '7',
      },
    });
  });

  it('is read from base64 by its own type', () => {
    const text = Buffer.from('grün').toString('base64');
    const event = { ...EVENT, datacontenttype: 'text/plain', data_base64: text };
    expect(decode(message(STRUCTURED, event)).body).toBe('grün');
    expect(decode(message(STRUCTURED, EVENT)).body).toBeUndefined();
  });

  it.each([
    ['application/json', Buffer.from([0xff, 0xfe]), 'not UTF-8'],
    ['text/plain', Buffer.from([0xc3]), 'not UTF-8'],
    ['application/json', '{"a":', 'not JSON'],
    ['application/cloudevents-batch+json', '[]', 'send each by itself'],
    [STRUCTURED, '[]', 'no CloudEvent of version 1.0'],
    [STRUCTURED, { data: 1 }, 'no CloudEvent of version 1.0'],
    [STRUCTURED, 'x', 'not JSON'],
    [STRUCTURED, { ...EVENT, data_base64: '/w==' }, 'not UTF-8'],
  ])('is refused as %s when it is %p', (type, payload, reason) => {
    expect(() => decode(message(type, payload))).toThrow(reason);
  });
});

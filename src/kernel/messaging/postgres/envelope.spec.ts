import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { type BrokerMessage, COMMANDS_EXCHANGE, EVENTS_EXCHANGE } from '../broker.js';
import { decode, encode, seqOf } from './envelope.js';

const anyText = fc.string({ unit: 'binary' });
const anyMessage: fc.Arbitrary<BrokerMessage> = fc.record(
  {
    id: fc.uuid(),
    exchange: fc.constantFrom(EVENTS_EXCHANGE, COMMANDS_EXCHANGE),
    routingKey: anyText,
    headers: fc.dictionary(anyText, anyText, { noNullPrototype: true }),
    contentType: fc.string(),
    payload: fc
      .oneof(fc.uint8Array(), anyText)
      .map((p) => (typeof p === 'string' ? Buffer.from(p, 'utf8') : Buffer.from(p))),
    replyTo: fc.string(),
    correlationId: anyText,
  },
  { requiredKeys: ['id', 'exchange', 'routingKey', 'headers', 'contentType', 'payload'] },
);

const throughJson = (data: unknown): unknown => JSON.parse(JSON.stringify(data));

describe('envelope', () => {
  it('gives back every message as it was', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(decode('job', throughJson(encode(message)))).toEqual(message);
      }),
    );
  });

  it('holds nothing that jsonb refuses', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        // Every backslash of JSON comes as an escape; a doubled one is a backslash of the text itself.
        const json = JSON.stringify(encode(message)).replaceAll('\\\\', '');
        expect(json).not.toMatch(/\\u0000|\\ud[89a-f]/);
      }),
    );
  });

  it('keeps readable payloads readable', () => {
    const message: BrokerMessage = {
      id: '1',
      exchange: COMMANDS_EXCHANGE,
      routingKey: 'tasks.create',
      headers: {},
      contentType: 'application/json',
      payload: Buffer.from('{"payload":"grün"}'),
    };
    expect(encode(message).message?.text).toBe('{"payload":"grün"}');
  });

  it('ascends from message to message', () => {
    const message = decode('job', { a: 1 });
    const seqs = Array.from({ length: 100 }, () => seqOf(encode(message)));
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
  });

  it.each([[null], [[1, 2]], [{ seq: 1 }], [{ seq: 1, message: { id: 3 } }], ['text']])(
    'reads the foreign job %j as a JSON message with the id of the job',
    (data) => {
      const message = decode('job-1', data);
      expect(message.id).toBe('job-1');
      expect(JSON.parse(message.payload.toString())).toEqual(data);
    },
  );
});

import fc from 'fast-check';
import { COMMANDS_EXCHANGE, type BrokerMessage, type Delivery } from '../messaging/broker.js';
import { HEADER } from '../messaging/message-headers.js';
import { original, reasonClass, revived, rowOf, storable } from './dead-letter.js';

const NOW = new Date('2025-11-21T10:00:00.000Z');

const died = (message: Partial<BrokerMessage>, attempt = 1): Delivery => ({
  queue: 'ml.dlq',
  attempt,
  isLost: false,
  message: {
    id: 'm-1',
    exchange: COMMANDS_EXCHANGE,
    routingKey: 'ml.train',
    headers: {},
    contentType: 'application/json',
    payload: Buffer.from('{}'),
    ...message,
  },
  ack: () => Promise.resolve(),
  retry: () => Promise.resolve(),
  deadLetter: () => Promise.resolve(),
});
const row = (message: Partial<BrokerMessage>, attempt?: number) =>
  rowOf(died(message, attempt), 'ml', 'row-1', NOW);

describe('a dead letter', () => {
  it('is stored as text that Postgres takes, and any text comes back as it was', () => {
    const anyText = fc.string({ unit: fc.constantFrom('\0', '\\', 'u', '0', 'é', '\ud800', '😀') });
    fc.assert(
      fc.property(anyText, (text) => {
        expect(storable(text)).not.toContain('\0');
        expect(storable(text).isWellFormed()).toBe(true);
        expect(original(storable(text))).toBe(text);
      }),
    );
  });

  it('keeps what another life needs, and forgets the last one', () => {
    const message = {
      id: 'order\0 17\\',
      routingKey: 'ml.\0',
      headers: {
        route: 'train',
        'x-colour': 'r\0d',
        [HEADER.attempt]: '3',
        [HEADER.error]: 'the disk is on fire',
        [HEADER.firstAt]: '2025-11-21T09:00:00.000Z',
        [HEADER.diedAt]: '2025-11-21T09:30:00.000Z',
        [HEADER.redrives]: '1',
      },
      contentType: 'application/octet-stream',
      payload: Buffer.from([0, 255]),
      replyTo: 'answers',
      correlationId: 'c\0',
    };
    const stored = row(message, 3);
    expect(stored).toMatchObject({
      queue: 'ml',
      route: 'train',
      reason: 'the disk is on fire',
      attempts: 3,
      deaths: 2,
      first_at: new Date('2025-11-21T09:00:00.000Z'),
      died_at: new Date('2025-11-21T09:30:00.000Z'),
    });
    expect(revived(stored)).toEqual({
      ...message,
      exchange: COMMANDS_EXCHANGE,
      toQueue: 'ml',
      headers: { route: 'train', 'x-colour': 'r\0d', [HEADER.redrives]: '2' },
    });
  });

  it.each(['tomorrow', '', '-271821-04-20T00:00:00.000Z', '9999-12-31T00:00:00Z'])(
    'is not believed to have died at "%s"',
    (when) => {
      const letter = row({ headers: { [HEADER.diedAt]: when, [HEADER.firstAt]: when } });
      expect([letter.died_at, letter.first_at]).toEqual([NOW, NOW]);
    },
  );

  it.each(['many', '-1', '1e300', '1.5'])(
    'counts one death when its redrives are "%s"',
    (count) => {
      expect(row({ headers: { [HEADER.redrives]: count } }).deaths).toBe(1);
    },
  );

  it('holds numbers that Postgres takes, whatever its headers count', () => {
    const huge = String(Number.MAX_SAFE_INTEGER);
    const letter = row({ headers: { [HEADER.redrives]: huge } }, Number.MAX_SAFE_INTEGER);
    expect([letter.attempts, letter.deaths]).toEqual([2_147_483_647, 1_000_001]);
  });

  it.each([
    ['gave up after 6 attempts: Error: the disk is on fire', 'Error'],
    ['task-not-found: There is no task 17.', 'task-not-found'],
    ['UnreadableMessageError: The payload is not JSON: {', 'UnreadableMessageError'],
    [
      'given up by the broker: delivery_limit; before that: Error: x',
      'given up by the broker: delivery_limit',
    ],
    ['its consumers died', 'its consumers died'],
    ['x'.repeat(5_000), 'x'.repeat(100)],
  ])('with the reason %.60s is counted as %.60s', (reason, kind) => {
    expect(reasonClass(reason)).toBe(kind);
  });
});

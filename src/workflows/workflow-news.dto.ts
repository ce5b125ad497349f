import { z } from 'zod';
import { oneOrMany, uuidParam } from '../kernel/http/shapes.js';
import { MOST_OF_AN_ADDRESS } from './engine/activate.js';

const DAY_S = 86_400;

const name = z
  .string()
  .min(1)
  .max(MOST_OF_AN_ADDRESS)
  .meta({ examples: ['vibration'] });
const key = z
  .string()
  .max(MOST_OF_AN_ADDRESS)
  .optional()
  .meta({
    description: 'Only those who wait for this key, or for any, take it.',
    examples: ['pump-7'],
  });
const data = z.json().default(null).meta({ description: 'Any JSON' });

export const signal = z
  .strictObject({ name, key, data })
  .meta({ id: 'Signal', examples: [{ name: 'vibration', key: 'pump-7', data: { value: 9.1 } }] });
export type SignalRequest = z.output<typeof signal>;
export const signalsBody = oneOrMany(signal);
export const signalAnswer = z
  .object({ heard: z.int().meta({ description: 'Instances in which somebody waited for it.' }) })
  .meta({ id: 'HeardSignal', examples: [{ heard: 1 }] });
export type SignalAnswer = z.output<typeof signalAnswer>;

export const message = z
  .strictObject({
    name,
    key,
    data,
    ttl: z
      .int()
      .min(0)
      .max(365 * DAY_S)
      .default(7 * DAY_S)
      .meta({ description: 'Seconds that it is kept while nobody waits for it; default 7 days.' }),
    id: z.string().min(1).max(255).optional().meta({
      description: 'A second message with this id is not delivered.',
    }),
  })
  .meta({
    id: 'WorkflowMessageIn',
    examples: [{ name: 'payment', key: 'order-17', data: { amount: 5 }, id: 'payment-4711' }],
  });
export type MessageRequest = z.output<typeof message>;
export const messagesBody = oneOrMany(message);
export const messageAnswer = z
  .object({ state: z.enum(['taken', 'started', 'buffered', 'duplicate']) })
  .meta({ id: 'DeliveredMessage', examples: [{ state: 'taken' }] });
export type MessageAnswer = z.output<typeof messageAnswer>;

export const listen = z.object({ instance_id: uuidParam, token: z.int(), slot: z.string() });
export type Listen = z.output<typeof listen>;

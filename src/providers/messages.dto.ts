import { z } from 'zod';
import { pageOf, pageQuery } from '../kernel/http/pages.js';
import { oneOrMany, uuidParam } from '../kernel/http/shapes.js';
import { AMBIGUITY_CLASSES, MESSAGE_STATES, PROVIDER_WISHES } from './domain/message.state.js';

const MAX_PAYLOAD_BYTES = 65_536;
const DAY_MS = 86_400_000;

const json = z.unknown().meta({ description: 'Any JSON' });

const payload = json
  .refine((value) => value !== undefined, { error: 'is required: text or JSON of up to 64 KiB' })
  .refine((value) => Buffer.byteLength(JSON.stringify(value ?? null)) <= MAX_PAYLOAD_BYTES, {
    error: `must be at most ${String(MAX_PAYLOAD_BYTES)} bytes of JSON; keep large data elsewhere and pass a reference`,
    abort: true,
  })
  .meta({ description: 'Text or any JSON of up to 64 KiB', examples: ['Translate this'] });

export const createMessage = z
  .strictObject({
    payload,
    provider: z.enum(PROVIDER_WISHES).default('auto').meta({
      description:
        'auto: the free provider, else the paid one where the caller has the right provider:paid.',
    }),
    max_wait_ms: z.int().min(0).max(DAY_MS).default(0).meta({
      description: 'How long the message may wait while the free provider takes no calls.',
    }),
    when_ambiguous: z.enum(AMBIGUITY_CLASSES).default('keep').meta({
      description:
        'What becomes of it when a call may or may not have been processed: keep it as ambiguous, or resend it.',
    }),
  })
  .meta({
    id: 'CreateMessage',
    examples: [
      { payload: 'Translate this' },
      { payload: { text: 'Translate this' }, provider: 'auto', max_wait_ms: 60_000 },
    ],
  });
export type CreateMessageRequest = z.output<typeof createMessage>;

export const createMessagesBody = oneOrMany(createMessage);

const instant = z.iso.datetime();

export const messageView = z
  .object({
    id: uuidParam,
    state: z.enum(MESSAGE_STATES),
    provider: z.enum(PROVIDER_WISHES).meta({ description: 'The wish.' }),
    payload: json,
    response: json,
    error: z
      .object({
        code: z.string(),
        message: z.string(),
        retry_at: instant.optional().meta({ description: 'When the same message may succeed.' }),
      })
      .nullable()
      .meta({ description: 'Why it failed, or why it waits.' }),
    provider_used: z.string().nullable().meta({ description: 'The provider of the last call.' }),
    attempts: z.int().meta({ description: 'Calls so far.' }),
    max_wait_ms: z.int(),
    when_ambiguous: z.enum(AMBIGUITY_CLASSES),
    cost_micros: z.int().meta({ description: 'Millionths of the currency.' }),
    next_at: instant.nullable().meta({ description: 'When it is tried next.' }),
    created_at: instant,
    finished_at: instant.nullable(),
  })
  .meta({
    id: 'Message',
    examples: [
      {
        id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        state: 'succeeded',
        provider: 'auto',
        payload: 'Translate this',
        response: { text: 'Übersetze das' },
        error: null,
        provider_used: 'free',
        attempts: 1,
        max_wait_ms: 0,
        when_ambiguous: 'keep',
        cost_micros: 0,
        next_at: null,
        created_at: '2025-11-21T09:30:00.000Z',
        finished_at: '2025-11-21T09:30:00.120Z',
      },
    ],
  });

export type MessageView = Omit<
  z.output<typeof messageView>,
  'next_at' | 'created_at' | 'finished_at'
> & {
  readonly next_at: Date | null;
  readonly created_at: Date;
  readonly finished_at: Date | null;
};

export const messagePage = pageOf(messageView);

export const listMessagesQuery = pageQuery.extend({
  state: z.enum(MESSAGE_STATES).optional(),
});
export type ListMessagesRequest = z.output<typeof listMessagesQuery>;

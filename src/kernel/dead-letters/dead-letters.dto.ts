import { z } from 'zod';
import { pageOf, pageQuery } from '../http/pages.js';
import { uuidParam } from '../http/shapes.js';
import { DEAD_LETTER_STATES } from './dead-letter.js';

const text = z.string().max(2_000);
const instant = z.iso.datetime({ offset: true });

const letterFilter = z.strictObject({
  queue: text.optional().meta({ examples: ['tasks'] }),
  route: text.optional().meta({ examples: ['create'] }),
  reason: text
    .optional()
    .meta({ description: 'A part of the reason, in any case.', examples: ['not JSON'] }),
  died_after: instant.optional(),
  died_before: instant.optional(),
});

export const listLettersQuery = pageQuery.extend({
  ...letterFilter.shape,
  message_id: text.optional().meta({ description: 'As the log names it.' }),
  state: z.enum(DEAD_LETTER_STATES).optional(),
});
export type ListLettersRequest = z.output<typeof listLettersQuery>;

const overview = {
  id: uuidParam,
  queue: z.string().meta({ description: 'The queue that the message died in.' }),
  message_id: z.string(),
  exchange: z.string(),
  routing_key: z.string(),
  route: z.string().nullable(),
  reason: z.string(),
  reason_class: z.string().meta({ description: 'What the summary counts by.' }),
  attempts: z.int().meta({ description: 'Of the life that ended last.' }),
  deaths: z.int().meta({ description: 'More than one: it died again after a redrive.' }),
  state: z.enum(DEAD_LETTER_STATES),
  first_at: z.iso.datetime(),
  died_at: z.iso.datetime(),
  redriven_at: z.iso.datetime().nullable(),
};

const EXAMPLE = {
  id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
  queue: 'tasks',
  message_id: '019aa3a4-4a5b-7c6d-8e7f-001122334455',
  exchange: 'millrace.commands',
  routing_key: 'tasks',
  route: 'create',
  reason: 'invalid-body: priority: Too big: expected number to be <=10',
  reason_class: 'invalid-body',
  attempts: 1,
  deaths: 1,
  state: 'dead' as const,
  first_at: '2025-11-21T10:00:00.000Z',
  died_at: '2025-11-21T10:00:00.012Z',
  redriven_at: null,
};

const letterOverview = z.object(overview).meta({ id: 'DeadLetterOverview', examples: [EXAMPLE] });
export const letterPage = pageOf(letterOverview);

const payload = z.object({
  encoding: z.enum(['json', 'text', 'base64']).meta({ description: 'What `content` is.' }),
  content: z.unknown().meta({ description: 'Any JSON, or a text' }),
  bytes: z.int().meta({
    description: 'Of the whole. More than 1 MiB: `content` is the first MiB, as text or in base64.',
  }),
});
export type PayloadView = z.output<typeof payload>;

export const letterView = z
  .object({
    ...overview,
    headers: z.record(z.string(), z.unknown()).meta({ description: 'Without secrets.' }),
    content_type: z.string(),
    reply_to: z.string().nullable(),
    correlation_id: z.string().nullable(),
    payload,
  })
  .meta({
    id: 'DeadLetter',
    examples: [
      {
        ...EXAMPLE,
        headers: { route: 'create', 'x-error': EXAMPLE.reason },
        content_type: 'application/json',
        reply_to: null,
        correlation_id: null,
        payload: { encoding: 'json', content: { payload: 'x', priority: 11 }, bytes: 29 },
      },
    ],
  });

export const letterSummary = z
  .object({
    total: z.int(),
    items: z.array(
      z.object({
        queue: z.string(),
        reason_class: z.string(),
        count: z.int(),
        oldest_at: z.iso.datetime(),
      }),
    ),
  })
  .meta({
    id: 'DeadLetterSummary',
    examples: [
      {
        total: 3,
        items: [
          { queue: 'tasks', reason_class: 'invalid-body', count: 3, oldest_at: EXAMPLE.died_at },
        ],
      },
    ],
  });

export const redriveLetters = z
  .strictObject({
    filter: letterFilter.prefault({}),
    limit: z.int().min(1).max(1_000_000).default(10_000).meta({
      description: 'Letters of one call at most; call again while some remain.',
    }),
    dry_run: z.boolean().default(false).meta({ description: 'Only count what matches.' }),
  })
  .meta({
    id: 'RedriveDeadLetters',
    examples: [
      { filter: { queue: 'tasks', reason: 'database' }, dry_run: true },
      { filter: { died_after: '2025-11-21T00:00:00Z' }, limit: 500 },
    ],
  });
export type RedriveRequest = z.output<typeof redriveLetters>;

export const redriveAnswer = z
  .object({
    matched: z.int(),
    redriven: z.int().optional(),
    remaining: z.int().optional(),
    dry_run: z.literal(true).optional(),
    sample: z.array(uuidParam).optional().meta({ description: 'The newest of a dry run.' }),
  })
  .meta({
    id: 'RedrivenDeadLetters',
    examples: [
      { matched: 1_200, redriven: 500, remaining: 700 },
      { matched: 1, dry_run: true, sample: [EXAMPLE.id] },
    ],
  });
export type RedriveAnswer = z.output<typeof redriveAnswer>;

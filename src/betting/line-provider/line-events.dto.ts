import { z } from 'zod';
import { oneOrMany } from '../../kernel/http/shapes.js';
import type { NewLineEvent } from './domain/line-event.js';
import {
  type Ending,
  LINE_EVENT_STATUSES,
  type LineChange,
  type Outcome,
  OUTCOMES,
  VOID,
} from './domain/line-event.state.js';
import { goalOf, STATUS_WORDS } from './domain/status-words.js';
import { thousandthsOf } from './domain/thousandths.js';

const MAX_RATIO = 1_000_000_000;
const ALL = 1_000;
/** The end of the year 9999; milliseconds are taken for later. */
const MAX_UNIX_SECONDS = 253_402_300_799;

export const eventIdParam = z
  .string()
  .regex(/^[\w.:-]{1,64}$/, 'must be 1 to 64 letters, digits or . _ : -')
  .meta({ examples: ['e-17'] });

const eventId = z
  .union([eventIdParam, z.int().min(0)], { error: 'must be a text, or a whole number' })
  .transform(String)
  .meta({ description: 'A whole number is taken as its text.' });

const version = z.int().min(1).optional().meta({
  description: 'The version that you have seen; another one by now is a conflict. Default: any.',
});

/**
 * A decimal number or text of at most three places, as thousandths; `isFit` and `rule` say which of them. (Of what is
 * transformed the documents show only examples that stand before the transformation.)
 */
function thousandths(isFit: (value: number) => boolean, rule: string, example: string) {
  const error = `must be a decimal ${rule} with at most three places`;
  const given = z.union([z.number(), z.string()], { error }).meta({ examples: [example] });
  return given.transform((value, context) => {
    const parsed = thousandthsOf(value);
    if (parsed !== undefined && isFit(parsed)) return parsed;
    context.addIssue({ code: 'custom', message: error });
    return z.NEVER;
  });
}

const ratio = thousandths(
  (value) => value > ALL && value <= MAX_RATIO,
  'above 1, up to 1,000,000,',
  '1.85',
).meta({ description: 'Decimal odds above 1, with at most three places, as a number or a text.' });

const deadline = z
  .union(
    [
      z.int().min(0).max(MAX_UNIX_SECONDS, 'must be seconds since 1970, not milliseconds'),
      z.iso.datetime({ offset: true, error: 'must be an instant such as 2026-11-21T18:00:00Z' }),
    ],
    { error: 'must be seconds since 1970, or an instant such as 2026-11-21T18:00:00Z' },
  )
  .meta({ examples: ['2099-11-21T18:00:00Z'] })
  .transform((given) => new Date(typeof given === 'number' ? given * 1_000 : given))
  .meta({
    description: 'When betting ends: seconds since 1970, or an instant in RFC 3339.',
  });

/** A text that is one of the words, in any case, as what it means. */
function word<Meaning>(words: readonly string[], meaningOf: (word: string) => Meaning | undefined) {
  const text = z.string().meta({ examples: words.slice(0, 1) });
  return text.transform((given, context) => {
    const meaning = meaningOf(given);
    if (meaning !== undefined) return meaning;
    context.addIssue({ code: 'custom', message: `must be one of: ${words.join(', ')}` });
    return z.NEVER;
  });
}

function firstStatusOf(given: string): NewLineEvent['status'] | undefined {
  const goal = goalOf(given);
  return goal?.to === 'open' || goal?.to === 'suspended' ? goal.to : undefined;
}

const FIRST_WORDS = STATUS_WORDS.filter((one) => firstStatusOf(one) !== undefined);

export const createEvent = z
  .strictObject({
    event_id: eventId,
    ratio,
    deadline,
    status: word(FIRST_WORDS, firstStatusOf)
      .prefault('open')
      .meta({ description: `In any case, one of: ${FIRST_WORDS.join(', ')}.` }),
  })
  .meta({
    id: 'CreateLineEvent',
    examples: [
      { event_id: 'e-17', ratio: '1.85', deadline: '2099-11-21T18:00:00Z', status: 'open' },
    ],
  });
export type CreateEventRequest = z.output<typeof createEvent>;
export const createEventsBody = oneOrMany(createEvent);

export function newEventOf(request: CreateEventRequest): NewLineEvent {
  const { event_id: id, ratio: odds, deadline: end, status } = request;
  return { id, ratio: odds, deadline: end, status };
}

export const changeEvent = z
  .strictObject({
    event_id: eventId,
    version,
    ratio: ratio.optional(),
    deadline: deadline.optional(),
    status: word(STATUS_WORDS, goalOf)
      .optional()
      .meta({ description: `In any case, one of: ${STATUS_WORDS.join(', ')}.` }),
  })
  .meta({
    id: 'ChangeLineEvent',
    examples: [
      { event_id: 'e-17', ratio: '2.1' },
      { event_id: 'e-17', version: 3, status: 'FINISHED_WIN' },
    ],
  });
export type ChangeEventRequest = z.output<typeof changeEvent>;
export const changeEventsBody = oneOrMany(changeEvent);

export function changeOf(request: ChangeEventRequest): LineChange {
  const { event_id: id, status, ...rest } = request;
  return { ...rest, eventId: id, goal: status };
}

/** Of the calls that need to know no more than which event. */
export const versionBody = z
  .strictObject({ version })
  .prefault({})
  .meta({ id: 'SeenLineEvent', examples: [{ version: 3 }] });
export type VersionRequest = z.output<typeof versionBody>;

const endingFields = {
  version,
  void_share: thousandths((value) => value < ALL, 'from 0 to below 1', '0.5')
    .optional()
    .meta({
      description: 'The part of each stake that is given back whatever the outcome. Default 0.',
    }),
  dead_heat: thousandths((value) => value > 0 && value <= ALL, 'above 0, up to 1,', '0.5')
    .optional()
    .meta({
      description: 'The part of the winnings that is paid, where a place is shared. Default 1.',
    }),
};

interface Shares {
  readonly outcome: Outcome;
  readonly void_share?: number | undefined;
  readonly dead_heat?: number | undefined;
}

function refuseIdleShares({ outcome, void_share, dead_heat }: Shares, context: z.RefinementCtx) {
  const refuse = (field: string, message: string) => {
    context.addIssue({ code: 'custom', path: [field], message });
  };
  if (outcome === 'void' && void_share !== undefined)
    refuse('void_share', 'is 1 for void: leave it out');
  if (outcome !== 'won' && dead_heat !== undefined)
    refuse('dead_heat', `pays nothing for ${outcome}: leave it out`);
}

export const resultBody = z
  .strictObject({ ...endingFields, outcome: z.enum(['won', 'lost']) })
  .superRefine(refuseIdleShares)
  .meta({ id: 'LineResult', examples: [{ outcome: 'won', dead_heat: '0.5' }] });

export const resettleBody = z
  .strictObject({ ...endingFields, outcome: z.enum(OUTCOMES) })
  .superRefine(refuseIdleShares)
  .meta({ id: 'LineResettlement', examples: [{ outcome: 'lost', version: 5 }] });
export type EndingRequest = z.output<typeof resettleBody>;

export function endingOf({ outcome, void_share, dead_heat }: EndingRequest): Ending {
  if (outcome === 'void') return VOID;
  return { outcome, voidShare: void_share ?? 0, deadHeat: dead_heat ?? ALL };
}

const decimal = z.string().regex(/^\d+\.\d{3}$/);

/** What HTTP answers, what the feed publishes, and what a snapshot is made of. */
export const lineEvent = z
  .object({
    event_id: z.string(),
    version: z.int().min(1).meta({ description: 'One more with every change of this event.' }),
    ratio: decimal,
    deadline: z.iso.datetime().meta({
      description: 'When betting ends or ended; closing an event early moves it to that instant.',
    }),
    status: z.enum(LINE_EVENT_STATUSES),
    result: z
      .object({
        settlement: z.int().min(1).meta({ description: 'One more with every resettlement.' }),
        outcome: z.enum(OUTCOMES),
        void_share: decimal,
        dead_heat: decimal,
      })
      .nullable(),
    feed_version: z
      .string()
      .regex(/^\d+$/)
      .meta({ description: 'The number of this change among those of all events.' }),
    changed_at: z.iso.datetime(),
  })
  .meta({
    id: 'LineEvent',
    examples: [
      {
        event_id: 'e-17',
        version: 3,
        ratio: '1.850',
        deadline: '2026-11-21T18:00:00.000Z',
        status: 'resulted',
        result: { settlement: 1, outcome: 'won', void_share: '0.000', dead_heat: '1.000' },
        feed_version: '123',
        changed_at: '2026-11-21T19:52:00.000Z',
      },
    ],
  });

export type LineEventView = Omit<z.output<typeof lineEvent>, 'deadline' | 'changed_at'> & {
  readonly deadline: Date;
  readonly changed_at: Date;
};

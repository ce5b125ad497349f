import { z } from 'zod';
import { pageOf, pageQuery } from '../../kernel/http/pages.js';

const STATUSES = ['open', 'suspended', 'closed', 'resulted', 'voided'] as const;

export const eventView = z
  .object({
    event_id: z.string(),
    ratio: z.string(),
    deadline: z.iso.datetime(),
    status: z.enum(STATUSES),
    version: z
      .int()
      .meta({ description: 'Send it with a bet to be told when the offer is another.' }),
  })
  .meta({
    id: 'OfferedEvent',
    examples: [
      {
        event_id: 'e-17',
        ratio: '1.850',
        deadline: '2025-11-21T18:00:00.000Z',
        status: 'open',
        version: 3,
      },
    ],
  });
export type EventView = Omit<z.output<typeof eventView>, 'deadline'> & { readonly deadline: Date };

export const eventPage = pageOf(eventView);

export const listEventsQuery = pageQuery.extend({ status: z.enum(STATUSES).optional() });
export type ListEventsRequest = z.output<typeof listEventsQuery>;

export const settlementList = z
  .object({
    items: z.array(
      z.object({
        settlement: z.int(),
        outcome: z.enum(['won', 'lost', 'void']),
        state: z.enum(['running', 'done', 'superseded']),
        settled: z.int().meta({ description: 'Bets so far.' }),
        bets: z.int().meta({ description: 'Bets on the event.' }),
        started_at: z.iso.datetime(),
        touched_at: z.iso.datetime(),
      }),
    ),
  })
  .meta({ id: 'SettlementProgress' });
export type SettlementView = Omit<
  z.output<typeof settlementList>['items'][number],
  'started_at' | 'touched_at'
> & { readonly started_at: Date; readonly touched_at: Date };

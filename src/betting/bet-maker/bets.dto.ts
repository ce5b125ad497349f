import { z } from 'zod';
import { pageOf, pageQuery } from '../../kernel/http/pages.js';
import { oneOrMany, uuidParam } from '../../kernel/http/shapes.js';
import type { BetRequest } from './domain/placement.js';
import { money, moneyInput, ratioInput } from './money.dto.js';

const BET_STATUSES = ['accepted', 'won', 'lost', 'voided'] as const;
export type BetStatus = (typeof BET_STATUSES)[number];

export const eventId = z
  .string()
  .min(1)
  .max(64)
  .meta({ examples: ['e-17'] });

/** The line provider takes whole numbers for ids, too. */
const eventIdInput = z
  .union([eventId, z.int().min(0)], { error: 'must be a text, or a whole number' })
  .transform(String)
  .meta({ description: 'A whole number is taken as its text.', examples: ['e-17'] });

export const placeBet = z
  .strictObject({
    event_id: eventIdInput,
    sum_bet: moneyInput,
    odds: ratioInput.optional().meta({ description: 'The ratio that you have seen.' }),
    odds_policy: z.enum(['exact', 'better', 'any']).default('exact').meta({
      description:
        'What becomes of the bet when the odds are others by now: exact refuses it, better takes higher ones, any all.',
    }),
    event_version: z.int32().min(1).optional().meta({
      description: 'The version of the event that you have seen; heeded by the policy exact.',
    }),
  })
  .refine((bet) => bet.odds_policy !== 'better' || bet.odds !== undefined, {
    path: ['odds'],
    error: 'is required by the policy better',
  })
  .meta({
    id: 'PlaceBet',
    examples: [
      { event_id: 'e-17', sum_bet: '10.00' },
      { event_id: 'e-17', sum_bet: 10, odds: '1.85', odds_policy: 'better' },
    ],
  });
export type PlaceBetRequest = z.output<typeof placeBet>;

export const placeBetsBody = oneOrMany(placeBet);

export function toRequest(bet: PlaceBetRequest): BetRequest {
  return {
    eventId: bet.event_id,
    stake: bet.sum_bet,
    odds: bet.odds,
    policy: bet.odds_policy,
    eventVersion: bet.event_version,
  };
}

export const betView = z
  .object({
    bet_id: uuidParam,
    event_id: z.string(),
    event_version: z.int(),
    sum_bet: money,
    odds: z.string(),
    potential_payout: money,
    status: z.enum(BET_STATUSES),
    payout: money.nullable().meta({ description: 'Null until the bet is settled.' }),
    placed_at: z.iso.datetime(),
    settled_at: z.iso.datetime().nullable(),
  })
  .meta({
    id: 'Bet',
    examples: [
      {
        bet_id: '019aa3a4-5b6c-7d8e-9f00-112233445566',
        event_id: 'e-17',
        event_version: 3,
        sum_bet: '10.00',
        odds: '1.850',
        potential_payout: '18.50',
        status: 'accepted',
        payout: null,
        placed_at: '2025-11-21T09:30:00.000Z',
        settled_at: null,
      },
    ],
  });
export type BetView = Omit<z.output<typeof betView>, 'placed_at' | 'settled_at'> & {
  readonly placed_at: Date;
  readonly settled_at: Date | null;
};

export const betPage = pageOf(betView);

export const listBetsQuery = pageQuery.extend({
  status: z.enum(BET_STATUSES).optional(),
  event_id: eventId.optional(),
});
export type ListBetsRequest = z.output<typeof listBetsQuery>;

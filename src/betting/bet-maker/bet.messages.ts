import { z } from 'zod';
import { uuidParam } from '../../kernel/http/shapes.js';
import type { EventContract } from '../../kernel/messaging/event-contracts.js';
import {
  commandMessage,
  eventMessage,
  type OutboxMessage,
} from '../../kernel/outbox/outbox-message.js';
import { formatMoney, formatRatio } from './domain/money.js';
import type { AcceptedBet } from './domain/placement.js';

export const SETTLEMENTS = 'bet-maker-settlements';

/** Bets in one event, so that a settlement of a million is two thousand messages. */
const BETS_PER_EVENT = 500;

export const settlementKey = z
  .object({ event_id: z.string(), settlement: z.int() })
  .meta({ id: 'SettleBets', examples: [{ event_id: 'e-17', settlement: 1 }] });
export type SettlementKey = z.output<typeof settlementKey>;

/** Asks for the bets behind the last one that was settled. */
export function settleMessage({ event_id, settlement }: SettlementKey): OutboxMessage {
  const body: SettlementKey = { event_id, settlement };
  return commandMessage({ queue: SETTLEMENTS, route: 'next', body });
}

export interface SettledBet {
  readonly bet_id: string;
  readonly status: string;
  /** Minor units as Postgres writes a bigint. */
  readonly payout: string;
}

export function betPlacedMessage(betId: string, bet: AcceptedBet): OutboxMessage {
  return eventMessage({
    type: 'bet-maker.bet-placed.v1',
    key: betId,
    data: {
      bet_id: betId,
      event_id: bet.eventId,
      event_version: bet.eventVersion,
      sum_bet: formatMoney(bet.stake),
      odds: formatRatio(bet.odds),
    },
  });
}

export function betsSettledMessages(
  { event_id, settlement }: SettlementKey,
  bets: readonly SettledBet[],
): OutboxMessage[] {
  const parts: (readonly SettledBet[])[] = [];
  for (let from = 0; from < bets.length; from += BETS_PER_EVENT)
    parts.push(bets.slice(from, from + BETS_PER_EVENT));
  return parts.map((part) => {
    const told = part.map((bet) => ({ ...bet, payout: formatMoney(BigInt(bet.payout)) }));
    return eventMessage({
      type: 'bet-maker.bets-settled.v1',
      key: event_id,
      data: { event_id, settlement, bets: told },
    });
  });
}

const BET_ID = '019aa3a4-5b6c-7d8e-9f00-112233445566';

export const BET_EVENT_CONTRACTS: readonly EventContract[] = [
  {
    type: 'bet-maker.bet-placed.v1',
    description: 'A bet was accepted, with its odds locked and its stake reserved.',
    schema: z
      .object({
        bet_id: uuidParam,
        event_id: z.string(),
        event_version: z.int(),
        sum_bet: z.string(),
        odds: z.string(),
      })
      .meta({
        id: 'BetPlaced',
        examples: [
          { bet_id: BET_ID, event_id: 'e-17', event_version: 3, sum_bet: '10.00', odds: '1.850' },
        ],
      }),
  },
  {
    type: 'bet-maker.bets-settled.v1',
    description: 'Bets of an event were settled, or settled anew under a higher number.',
    schema: z
      .object({
        event_id: z.string(),
        settlement: z.int(),
        bets: z.array(z.object({ bet_id: uuidParam, status: z.string(), payout: z.string() })),
      })
      .meta({
        id: 'BetsSettled',
        examples: [
          {
            event_id: 'e-17',
            settlement: 1,
            bets: [{ bet_id: BET_ID, status: 'won', payout: '18.50' }],
          },
        ],
      }),
  },
];

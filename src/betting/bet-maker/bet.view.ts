import type { PlacedBet } from './bet.repository.js';
import type { BetStatus, BetView } from './bets.dto.js';
import { formatMoney, formatRatio, payoutOf } from './domain/money.js';

/** Columns that {@link BetRow} is read from. */
export const BET_COLUMNS =
  'bet_id, event_id, event_version, stake, odds, status, settlement, payout, placed_at, settled_at';

export interface BetRow {
  readonly bet_id: string;
  readonly event_id: string;
  readonly event_version: number;
  readonly stake: string;
  readonly odds: number;
  readonly status: BetStatus;
  readonly settlement: number;
  readonly payout: string;
  readonly placed_at: Date;
  readonly settled_at: Date | null;
}

export function toView(row: BetRow): BetView {
  const stake = BigInt(row.stake);
  return {
    bet_id: row.bet_id,
    event_id: row.event_id,
    event_version: row.event_version,
    sum_bet: formatMoney(stake),
    odds: formatRatio(row.odds),
    potential_payout: formatMoney(payoutOf(stake, row.odds)),
    status: row.status,
    payout: row.settlement === 0 ? null : formatMoney(BigInt(row.payout)),
    placed_at: row.placed_at,
    settled_at: row.settled_at,
  };
}

export function toPlacedView(bet: PlacedBet, placedAt: Date): BetView {
  return toView({
    bet_id: bet.betId,
    event_id: bet.eventId,
    event_version: bet.eventVersion,
    stake: String(bet.stake),
    odds: bet.odds,
    status: 'accepted',
    settlement: 0,
    payout: '0',
    placed_at: placedAt,
    settled_at: null,
  });
}

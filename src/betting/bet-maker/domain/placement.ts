import { DomainError, placeIn } from '../../../kernel/domain/domain-error.js';
import {
  DailyLossReached,
  EventLiabilityReached,
  EventNotFound,
  EventNotOpen,
  InsufficientFunds,
  LineIsSilent,
  OfferChanged,
  StakeOutOfRange,
} from './bet.errors.js';
import { type Minor, payoutOf, type Thousandths } from './money.js';

export type OddsPolicy = 'exact' | 'better' | 'any';
export type EventStatus = 'open' | 'suspended' | 'closed' | 'resulted' | 'voided';

export interface BetRequest {
  readonly eventId: string;
  readonly stake: Minor;
  /** What the client has seen; without it any odds are welcome. */
  readonly odds: Thousandths | undefined;
  readonly policy: OddsPolicy;
  readonly eventVersion: number | undefined;
}

export interface OpenEvent {
  readonly version: number;
  readonly ratio: Thousandths;
  readonly deadline: Date;
  readonly status: EventStatus;
}

/** What a bet may change for others: all of it is read under locks, and counted on while a batch is decided. */
export interface Purse {
  cash: Minor;
  /** Stakes less payouts of the day. */
  dayLoss: Minor;
}

export interface Limits {
  readonly minStake: Minor;
  readonly maxStake: Minor;
  readonly eventLiability: Minor;
  readonly dailyLoss: Minor;
}

export interface Picture {
  /** By the database's clock. */
  readonly now: Date;
  /** The line provider was heard of lately, and nothing of what it said is missing. */
  readonly isFresh: boolean;
  readonly events: ReadonlyMap<string, OpenEvent>;
  readonly purses: ReadonlyMap<string, Purse>;
  /** What each event may cost the house beyond the stakes. */
  readonly liabilities: Map<string, Minor>;
  readonly limits: Limits;
}

/** A bet with the odds and the version of its event locked. */
export interface AcceptedBet {
  readonly ownerId: string;
  readonly eventId: string;
  readonly eventVersion: number;
  readonly stake: Minor;
  readonly odds: Thousandths;
  readonly payout: Minor;
}

/** Accepts all bets of one request, and counts them in the picture, or none and answers the rule that was broken. */
export function decide(
  ownerId: string,
  requests: readonly BetRequest[],
  picture: Picture,
): AcceptedBet[] | DomainError {
  const accepted: AcceptedBet[] = [];
  for (const [index, request] of requests.entries()) {
    const verdict = judge(ownerId, request, picture, placeIn(requests, index));
    if (verdict instanceof DomainError) {
      accepted.forEach((bet) => {
        count(bet, picture, -1n);
      });
      return verdict;
    }
    count(verdict, picture, 1n);
    accepted.push(verdict);
  }
  return accepted;
}

function judge(
  ownerId: string,
  request: BetRequest,
  picture: Picture,
  place: string,
): AcceptedBet | DomainError {
  const { eventId, stake } = request;
  const event = picture.events.get(eventId);
  if (!picture.isFresh) return new LineIsSilent();
  if (!event) return new EventNotFound(eventId, place);
  const { ratio: odds, version: eventVersion } = event;
  const bet = { ownerId, eventId, eventVersion, stake, odds, payout: payoutOf(stake, odds) };
  return (
    refusalOfEvent(eventId, event, picture.now, place) ??
    refusalOfOffer(request, event, place) ??
    refusalOfMoney(bet, picture, place) ??
    bet
  );
}

function refusalOfEvent(eventId: string, event: OpenEvent, now: Date, place: string) {
  if (event.status !== 'open') return new EventNotOpen(eventId, event.status, place);
  return now < event.deadline ? undefined : new EventNotOpen(eventId, 'past its deadline', place);
}

function refusalOfOffer(request: BetRequest, event: OpenEvent, place: string) {
  const { eventId, odds, policy, eventVersion } = request;
  const offer = { eventId, ratio: event.ratio, version: event.version };
  if (odds !== undefined) {
    if (policy === 'exact' && odds !== event.ratio) return new OfferChanged(offer, 'odds', place);
    if (policy === 'better' && odds > event.ratio) return new OfferChanged(offer, 'odds', place);
  }
  const isOld = eventVersion !== undefined && eventVersion !== event.version;
  return policy === 'exact' && isOld ? new OfferChanged(offer, 'event_version', place) : undefined;
}

function refusalOfMoney(bet: AcceptedBet, picture: Picture, place: string) {
  const { stake, eventId } = bet;
  const { minStake, maxStake, eventLiability, dailyLoss } = picture.limits;
  if (stake < minStake || stake > maxStake) return new StakeOutOfRange(minStake, maxStake, place);
  const { cash, dayLoss } = picture.purses.get(bet.ownerId) ?? { cash: 0n, dayLoss: 0n };
  if (stake > cash) return new InsufficientFunds(cash, place);
  if (dayLoss + stake > dailyLoss) return new DailyLossReached(dailyLoss, place);
  const liability = (picture.liabilities.get(eventId) ?? 0n) + bet.payout - stake;
  return liability > eventLiability ? new EventLiabilityReached(eventId, place) : undefined;
}

function count(bet: AcceptedBet, { purses, liabilities }: Picture, sign: 1n | -1n): void {
  const purse = purses.get(bet.ownerId);
  if (!purse) throw new Error('A bet was accepted without a wallet');
  purse.cash -= sign * bet.stake;
  purse.dayLoss += sign * bet.stake;
  const liability = liabilities.get(bet.eventId) ?? 0n;
  liabilities.set(bet.eventId, liability + sign * (bet.payout - bet.stake));
}

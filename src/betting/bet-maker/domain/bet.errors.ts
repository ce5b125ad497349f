import { DomainError, fieldAt } from '../../../kernel/domain/domain-error.js';
import { formatMoney, formatRatio, type Minor, type Thousandths } from './money.js';

export class LineIsSilent extends DomainError {
  constructor() {
    super(
      'unavailable',
      'line-is-silent',
      'The line provider has not been heard of for too long, so its odds may be old; try again.',
      { retryAfterSeconds: 5 },
    );
  }
}

export class EventNotFound extends DomainError {
  constructor(eventId: string, place = '') {
    super('not-found', 'event-not-found', `There is no event ${eventId}.`, {
      errors: [{ field: fieldAt(place, 'event_id'), message: 'names no event' }],
    });
  }
}

export class EventNotOpen extends DomainError {
  constructor(eventId: string, why: string, place = '') {
    super('conflict', 'event-not-open', `Event ${eventId} takes no bets: it is ${why}.`, {
      errors: [{ field: fieldAt(place, 'event_id'), message: `is ${why}` }],
    });
  }
}

export interface Offer {
  readonly eventId: string;
  readonly ratio: Thousandths;
  readonly version: number;
}

export class OfferChanged extends DomainError {
  constructor({ eventId, ratio, version }: Offer, wrong: 'odds' | 'event_version', place = '') {
    const now = wrong === 'odds' ? formatRatio(ratio) : String(version);
    super(
      'conflict',
      'offer-changed',
      `The offer has changed: the odds are ${formatRatio(ratio)}.`,
      {
        errors: [{ field: fieldAt(place, wrong), message: `is now ${now}` }],
        members: {
          offer: { event_id: eventId, ratio: formatRatio(ratio), event_version: version },
        },
      },
    );
  }
}

export class StakeOutOfRange extends DomainError {
  constructor(least: Minor, most: Minor, place = '') {
    const message = `must be ${formatMoney(least)} to ${formatMoney(most)}`;
    super('invalid', 'stake-out-of-range', `sum_bet ${message}.`, {
      errors: [{ field: fieldAt(place, 'sum_bet'), message }],
    });
  }
}

export class InsufficientFunds extends DomainError {
  constructor(cash: Minor, place = '') {
    const message = `exceeds the ${formatMoney(cash)} in the wallet`;
    super('conflict', 'insufficient-funds', `sum_bet ${message}.`, {
      errors: [{ field: fieldAt(place, 'sum_bet'), message }],
    });
  }
}

export class DailyLossReached extends DomainError {
  constructor(limit: Minor, place = '') {
    super(
      'conflict',
      'daily-loss-reached',
      `More than ${formatMoney(limit)} could be lost today.`,
      {
        errors: [
          { field: fieldAt(place, 'sum_bet'), message: 'exceeds what may be lost in a day' },
        ],
      },
    );
  }
}

export class EventLiabilityReached extends DomainError {
  constructor(eventId: string, place = '') {
    super(
      'conflict',
      'event-liability-reached',
      `Event ${eventId} takes no bet of this size any more.`,
      {
        errors: [
          { field: fieldAt(place, 'sum_bet'), message: 'exceeds what may be won on the event' },
        ],
      },
    );
  }
}

export class BetNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'bet-not-found', `There is no bet ${id}.`, {
      errors: [{ field: 'bet_id', message: 'names no bet' }],
    });
  }
}

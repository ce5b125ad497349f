import { DomainError, fieldAt } from '../../kernel/domain/domain-error.js';
import type { MessageError } from './message.state.js';

export const FREE_QUOTA_EXHAUSTED = 'free-quota-exhausted';

export class MessageNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'message-not-found', `There is no message ${id}.`, {
      errors: [{ field: 'message_id', message: 'names no message' }],
    });
  }
}

/** The caller may not pay, or nothing may be paid, and the free provider takes no calls for so long. */
export class FreeQuotaExhausted extends DomainError {
  constructor(retryAfterMs: number) {
    super('too-many', FREE_QUOTA_EXHAUSTED, QUOTA_MESSAGE, {
      retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1_000)),
    });
  }
}

export const QUOTA_MESSAGE =
  'The free provider takes no calls now. Try again then, or let the message wait with max_wait_ms.';

export class PaidProviderForbidden extends DomainError {
  constructor(place = '') {
    super(
      'forbidden',
      'paid-provider-forbidden',
      'The paid provider needs the right provider:paid.',
      {
        errors: [{ field: fieldAt(place, 'provider'), message: 'may not be paid by you' }],
      },
    );
  }
}

export const UNAVAILABLE: MessageError = {
  code: 'providers-unavailable',
  message: 'No provider that may process the message works now; it waits in its queue.',
};

export const PAID_FORBIDDEN: MessageError = {
  code: 'paid-provider-forbidden',
  message: 'The owner of the message lacks the right provider:paid.',
};

export const BUDGET_EXHAUSTED: MessageError = {
  code: 'budget-exhausted',
  message: 'The budget of the paid provider is spent.',
};

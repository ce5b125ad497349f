import { DomainError, type FieldError } from '../../kernel/domain/domain-error.js';

export class ProviderNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'provider-not-found', `There is no provider "${id}".`, {
      errors: [{ field: 'provider_id', message: 'must be free or paid' }],
    });
  }
}

export class InvalidProvider extends DomainError {
  constructor(errors: readonly FieldError[]) {
    super('invalid', 'invalid-provider', 'The settings of the provider contradict each other.', {
      errors,
    });
  }
}

export class InvalidPeriod extends DomainError {
  constructor(field: string, message: string) {
    super('malformed', 'invalid-period', 'The time that usage is asked for is not valid.', {
      errors: [{ field, message }],
    });
  }
}

import { DomainError, type FieldError, fieldAt } from '../../kernel/domain/domain-error.js';

export class LinkImpossible extends DomainError {
  constructor(errors: readonly FieldError[], place = '') {
    const [first] = errors;
    super('invalid', 'workflow-link-impossible', first?.message ?? 'The link is impossible.', {
      errors: errors.map(({ field, message }) => ({ field: fieldAt(place, field), message })),
    });
  }
}

export class LinkExists extends DomainError {
  constructor(from: string, to: string) {
    super('conflict', 'workflow-link-exists', `${from} and ${to} are linked by that end already.`);
  }
}

export class LinkNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'workflow-link-not-found', `There is no workflow link ${id}.`);
  }
}

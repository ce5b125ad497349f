import { DomainError } from '../domain/domain-error.js';

export class DeadLetterNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'dead-letter-not-found', `There is no dead letter ${id}.`, {
      errors: [{ field: 'dead_letter_id', message: 'names no dead letter' }],
    });
  }
}

export class DeadLetterAlreadyRedriven extends DomainError {
  constructor(id: string) {
    super(
      'conflict',
      'dead-letter-already-redriven',
      `Dead letter ${id} was sent to its queue already; it can be again once it has died again.`,
    );
  }
}

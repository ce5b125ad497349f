import { DomainError } from '../../kernel/domain/domain-error.js';

export class BatchNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'workflow-batch-not-found', `There is no batch ${id}.`, {
      errors: [{ field: 'batch_id', message: 'names no batch' }],
    });
  }
}

export class BatchNotRunning extends DomainError {
  constructor(id: string, status: string) {
    super('conflict', 'workflow-batch-not-running', `The batch ${id} is ${status} already.`);
  }
}

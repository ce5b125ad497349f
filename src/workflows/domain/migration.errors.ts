import { DomainError } from '../../kernel/domain/domain-error.js';
import type { MigrationProblem } from '../engine/migrate.js';

export class AlreadyAtVersion extends DomainError {
  constructor(id: string, version: number) {
    super('conflict', 'workflow-already-at-version', `${id} is at version ${String(version)}.`, {
      errors: [{ field: 'version', message: 'is the one that it has already' }],
    });
  }
}

export class CannotMigrate extends DomainError {
  constructor(id: string, problems: readonly MigrationProblem[]) {
    super('conflict', 'workflow-cannot-migrate', `${id} cannot be taken to that version.`, {
      errors: problems.map(({ node, message }) => ({ field: `nodes.${node}`, message })),
    });
  }
}

import { DomainError, fieldAt } from '../../kernel/domain/domain-error.js';

export class WorkflowExists extends DomainError {
  constructor(key: string, place = '') {
    super('conflict', 'workflow-exists', `There is a workflow ${key} already.`, {
      errors: [{ field: fieldAt(place, 'key'), message: 'names a workflow that exists' }],
    });
  }
}

/** A draft may be any JSON, but only lists can be added to. */
export class DraftNotEditable extends DomainError {
  constructor(field: string) {
    super(
      'conflict',
      'draft-not-editable',
      `"${field}" of the draft is no list: save it as a whole.`,
      { errors: [{ field, message: 'is no list' }] },
    );
  }
}

export class NodeExists extends DomainError {
  constructor(id: string) {
    super('conflict', 'node-exists', `There is a node ${id} already.`, {
      errors: [{ field: 'id', message: 'names a node that exists' }],
    });
  }
}

export class NodeNotInDraft extends DomainError {
  constructor(id: string) {
    super('not-found', 'node-not-found', `The draft has no node ${id}.`, {
      errors: [{ field: 'node_id', message: 'names no node of the draft' }],
    });
  }
}

export class FlowExists extends DomainError {
  constructor(id: string) {
    super('conflict', 'flow-exists', `There is a flow ${id} already.`, {
      errors: [{ field: 'id', message: 'names a flow that exists' }],
    });
  }
}

export class FlowNotInDraft extends DomainError {
  constructor(id: string) {
    super('not-found', 'flow-not-found', `The draft has no flow ${id}.`, {
      errors: [{ field: 'flow_id', message: 'names no flow of the draft' }],
    });
  }
}

export class DraftNotDrawable extends DomainError {
  constructor(key: string, reason: string) {
    super('invalid', 'draft-not-drawable', `${key} cannot be drawn: ${reason}.`);
  }
}

export class NothingPublished extends DomainError {
  constructor(key: string) {
    super('not-found', 'nothing-published', `No version of ${key} has been published.`);
  }
}

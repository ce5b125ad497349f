import { DomainError, type DomainErrorKind, fieldAt } from '../../kernel/domain/domain-error.js';
import type { Finding } from '../definition/findings.js';
import type { Rejection } from '../engine/commands.js';

export class WorkflowNotFound extends DomainError {
  constructor(key: string, field = 'workflow') {
    super('not-found', 'workflow-not-found', `There is no workflow ${key}.`, {
      errors: [{ field, message: 'names no workflow' }],
    });
  }
}

export class WorkflowVersionNotFound extends DomainError {
  constructor(key: string, version: number) {
    super(
      'not-found',
      'workflow-version-not-found',
      `There is no version ${String(version)} of the workflow ${key}.`,
    );
  }
}

/** Like a field that names nothing, because in a start the workflow is one. */
export class NothingToStart extends DomainError {
  constructor(workflow: string, reason: string, place = '') {
    super('invalid', 'nothing-to-start', `${workflow} cannot be started: ${reason}`, {
      errors: [{ field: fieldAt(place, 'workflow'), message: reason }],
    });
  }
}

export class WorkflowIsPaused extends DomainError {
  constructor(key: string, place = '') {
    super('conflict', 'workflow-is-paused', `${key} is paused: nothing can be started.`, {
      errors: [{ field: fieldAt(place, 'workflow'), message: 'is paused' }],
    });
  }
}

export class DraftHasErrors extends DomainError {
  constructor(key: string, findings: readonly Finding[], what = 'published') {
    const errors = findings.filter(({ severity }) => severity === 'error');
    super('invalid', 'draft-has-errors', `The draft of ${key} cannot be ${what}.`, {
      errors: errors.slice(0, 100).map(({ code, node, flow, message }) => ({
        field: node ?? flow ?? 'draft',
        message: `${code}: ${message}`,
      })),
    });
  }
}

export class DraftKeyDiffers extends DomainError {
  constructor(key: string) {
    super('invalid', 'draft-key-differs', 'The draft names another workflow than its address.', {
      errors: [{ field: 'key', message: `must be ${key}, or left out` }],
    });
  }
}

export class DraftChangedMeanwhile extends DomainError {
  constructor(key: string, revision: number) {
    super(
      'conflict',
      'draft-changed-meanwhile',
      `The draft of ${key} is at revision ${String(revision)} by now: read it again.`,
    );
  }
}

export class InstanceNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'workflow-instance-not-found', `There is no workflow instance ${id}.`, {
      errors: [{ field: 'instance_id', message: 'names no workflow instance' }],
    });
  }
}

const KINDS: Readonly<Record<Rejection['code'], DomainErrorKind>> = {
  'not-running': 'conflict',
  'already-started': 'conflict',
  'no-start': 'invalid',
  'unknown-token': 'conflict',
  'not-waiting': 'conflict',
  'stale-attempt': 'conflict',
  'wrong-outcome': 'conflict',
  'unknown-timer': 'conflict',
  'nobody-waits': 'conflict',
  'unknown-node': 'invalid',
  'no-incident': 'conflict',
  'not-extensible': 'conflict',
};

/** What the engine answers to a command that an instance cannot take as it is now. */
export class CommandRejected extends DomainError {
  constructor({ code, message, field }: Rejection) {
    const details = field === undefined ? {} : { errors: [{ field, message }] };
    super(KINDS[code], `workflow-${code}`, message, details);
  }
}

/** A timer that has been cancelled, set anew, or has fired already. */
export class TimerIsStale extends DomainError {
  constructor() {
    super('conflict', 'workflow-timer-stale', 'The timer is not set for this instant any more.');
  }
}

export class UserTaskNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'user-task-not-found', `There is no user task ${id}.`, {
      errors: [{ field: 'user_task_id', message: 'names no user task' }],
    });
  }
}

export class UserTaskNotOpen extends DomainError {
  constructor(id: string, status: string) {
    super('conflict', 'user-task-not-open', `The user task ${id} is ${status} already.`);
  }
}

export class UserTaskOfAnother extends DomainError {
  constructor(id: string) {
    super('forbidden', 'user-task-of-another', `The user task ${id} is not for you.`);
  }
}

export class UserTaskClaimed extends DomainError {
  constructor(id: string) {
    super('conflict', 'user-task-claimed', `Somebody else has claimed the user task ${id}.`);
  }
}

export class UserTaskUnclaimed extends DomainError {
  constructor(id: string) {
    super('conflict', 'user-task-unclaimed', `Nobody has the user task ${id}: claim it first.`);
  }
}

export class UserTaskFormBroken extends DomainError {
  constructor(node: string, reason: string) {
    super('conflict', 'user-task-form-broken', `The form of ${node} is no JSON Schema: ${reason}`);
  }
}

export class UserTaskOutcomeUnknown extends DomainError {
  constructor(outcome: string, outcomes: readonly string[]) {
    super('conflict', 'user-task-outcome-unknown', `"${outcome}" is no outcome of this task.`, {
      errors: [{ field: 'outcome', message: `must be one of: ${outcomes.join(', ')}` }],
    });
  }
}

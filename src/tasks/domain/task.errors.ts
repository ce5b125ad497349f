import { DomainError, fieldAt } from '../../kernel/domain/domain-error.js';

export class TaskNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'task-not-found', `There is no task ${id}.`, {
      errors: [{ field: 'task_id', message: 'names no task' }],
    });
  }
}

export class UnknownTaskKind extends DomainError {
  constructor(kind: string, known: readonly string[], place = '') {
    super('invalid', 'unknown-task-kind', `No handler is known for tasks of kind "${kind}".`, {
      errors: [{ field: fieldAt(place, 'kind'), message: `must be one of: ${known.join(', ')}` }],
    });
  }
}

export class UnknownTaskQueue extends DomainError {
  constructor(queue: string, known: readonly string[], place = '') {
    super('invalid', 'unknown-task-queue', `There is no task queue "${queue}".`, {
      errors: [{ field: fieldAt(place, 'queue'), message: `must be one of: ${known.join(', ')}` }],
    });
  }
}

export class TaskAlreadyFinished extends DomainError {
  constructor(id: string, status: string) {
    super(
      'conflict',
      'task-already-finished',
      `Task ${id} is ${status}; only tasks that are new or in progress can be cancelled.`,
    );
  }
}

export class TaskNotRetriable extends DomainError {
  constructor(id: string, status: string) {
    super(
      'conflict',
      'task-not-retriable',
      `Task ${id} is ${status}; only failed and cancelled tasks can be retried.`,
    );
  }
}

export class TaskLeaseLost extends DomainError {
  constructor(id: string) {
    super(
      'conflict',
      'task-lease-lost',
      `The lease on task ${id} has ended: the task was finished, cancelled or given to another worker.`,
    );
  }
}

export class TaskBacklogFull extends DomainError {
  constructor(limit: number) {
    super(
      'unavailable',
      'task-backlog-full',
      `More than ${String(limit)} tasks are waiting; try again later.`,
      {
        retryAfterSeconds: 5,
      },
    );
  }
}

export class UnknownExternalKind extends DomainError {
  /** `wrong` are places in the request's `kinds`. */
  constructor(wrong: readonly number[], known: readonly string[]) {
    const message =
      known.length > 0
        ? `must be one of: ${known.join(', ')}`
        : 'no kind is external; TASKS_EXTERNAL_KINDS names those that are';
    super('invalid', 'unknown-external-kind', 'Only tasks of external kinds can be leased.', {
      errors: wrong.map((index) => ({ field: `kinds[${String(index)}]`, message })),
    });
  }
}

export class TooManyWaiting extends DomainError {
  constructor(limit: number) {
    super(
      'unavailable',
      'too-many-waiting',
      `${String(limit)} clients wait here already; try again later.`,
      { retryAfterSeconds: 5 },
    );
  }
}

export class BrokenCron extends DomainError {
  constructor(reason: string, place = '') {
    super('invalid', 'broken-cron', `The cron expression cannot be used: ${reason}`, {
      errors: [{ field: fieldAt(place, 'cron'), message: reason }],
    });
  }
}

export class UnknownTimeZone extends DomainError {
  constructor(name: string, place = '') {
    super('invalid', 'unknown-time-zone', `There is no time zone "${name}".`, {
      errors: [
        {
          field: fieldAt(place, 'time_zone'),
          message: 'must be an IANA name, such as Europe/Berlin',
        },
      ],
    });
  }
}

export class TaskScheduleNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'task-schedule-not-found', `There is no task schedule ${id}.`);
  }
}

export class TaskScheduleNameTaken extends DomainError {
  constructor(name: string, place = '') {
    super('conflict', 'task-schedule-name-taken', `There is a task schedule "${name}" already.`, {
      errors: [{ field: fieldAt(place, 'name'), message: 'is taken' }],
    });
  }
}

export class ShuttingDown extends DomainError {
  constructor() {
    super('unavailable', 'shutting-down', 'This process is about to end; ask again.', {
      retryAfterSeconds: 1,
    });
  }
}

export class IdempotencyKeyContended extends DomainError {
  constructor(key: string) {
    const message = `The task with idempotency key "${key}" has just been deleted; try again.`;
    super('unavailable', 'idempotency-key-contended', message, { retryAfterSeconds: 1 });
  }
}

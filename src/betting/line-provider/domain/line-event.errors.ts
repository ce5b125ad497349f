import { DomainError, fieldAt } from '../../../kernel/domain/domain-error.js';

export class LineEventNotFound extends DomainError {
  constructor(id: string, place = '') {
    super('not-found', 'event-not-found', `There is no event ${id}.`, {
      errors: [{ field: fieldAt(place, 'event_id'), message: 'names no event' }],
    });
  }
}

export class LineEventIdTaken extends DomainError {
  constructor(id: string, place = '') {
    super('conflict', 'event-id-taken', `There is an event ${id} already.`, {
      errors: [{ field: fieldAt(place, 'event_id'), message: 'is taken' }],
    });
  }
}

export class LineEventNamedTwice extends DomainError {
  constructor(id: string, place: string) {
    super('invalid', 'event-named-twice', `The event ${id} stands in the request twice.`, {
      errors: [{ field: fieldAt(place, 'event_id'), message: 'stands in the request already' }],
    });
  }
}

export class DeadlineNotInFuture extends DomainError {
  constructor(deadline: Date, place = '') {
    super('invalid', 'deadline-not-in-future', `${deadline.toISOString()} has passed.`, {
      errors: [{ field: fieldAt(place, 'deadline'), message: 'must be in the future' }],
    });
  }
}

export class LineEventVersionStale extends DomainError {
  constructor(id: string, version: number, place = '') {
    super(
      'conflict',
      'event-version-stale',
      `Event ${id} has changed: it is version ${String(version)}.`,
      { errors: [{ field: fieldAt(place, 'version'), message: `is ${String(version)} by now` }] },
    );
  }
}

export class LineEventClosed extends DomainError {
  constructor(id: string, status: string, wrongFields: readonly string[], place = '') {
    super('conflict', 'event-closed', `Betting on event ${id} has ended: it is ${status}.`, {
      errors: wrongFields.map((name) => ({
        field: fieldAt(place, name),
        message: `cannot be changed any more: the event is ${status}`,
      })),
    });
  }
}

export class LineEventAlreadySettled extends DomainError {
  constructor(id: string, outcome: string) {
    super(
      'conflict',
      'event-already-settled',
      `Event ${id} was settled as ${outcome} already; another outcome takes a resettlement.`,
    );
  }
}

export class LineEventNotSettled extends DomainError {
  constructor(id: string, status: string) {
    super(
      'conflict',
      'event-not-settled',
      `Event ${id} is ${status}; only what is resulted or voided can be resettled.`,
    );
  }
}

import { DomainError } from '../../kernel/domain/domain-error.js';

export class EmailTaken extends DomainError {
  constructor() {
    super('conflict', 'email-taken', 'There is a user with this email already.', {
      errors: [{ field: 'email', message: 'is taken' }],
    });
  }
}

/** The same words for a wrong password, an unknown email and a disabled user. */
export class WrongCredentials extends DomainError {
  constructor() {
    super('unauthenticated', 'wrong-credentials', 'Email or password are wrong.');
  }
}

export class SessionEnded extends DomainError {
  constructor() {
    super('unauthenticated', 'session-ended', 'The session has ended: log in again.');
  }
}

export class TooManyAttempts extends DomainError {
  constructor(retryAfterSeconds: number) {
    const message = `Too many attempts; come back in ${String(retryAfterSeconds)} s.`;
    super('too-many', 'too-many-attempts', message, { retryAfterSeconds });
  }
}

export class TooManyLogins extends DomainError {
  constructor(retryAfterSeconds: number) {
    super('unavailable', 'too-many-logins', 'Too many passwords are being checked; try again.', {
      retryAfterSeconds,
    });
  }
}

export class UserNotFound extends DomainError {
  constructor(id: string) {
    super('not-found', 'user-not-found', `There is no user ${id}.`);
  }
}

export class RoleIsFixed extends DomainError {
  constructor(name: string) {
    super('conflict', 'role-is-fixed', `The role "${name}" has every right and stays as it is.`);
  }
}

import { DomainError } from '../domain/domain-error.js';

/** Nobody has logged in, or the token says so no longer. Says nothing about why a token was refused. */
export class Unauthenticated extends DomainError {
  constructor(message = 'Nobody is logged in: send a bearer token, or the cookie of a login.') {
    super('unauthenticated', 'unauthenticated', message);
  }
}

export class InvalidToken extends DomainError {
  constructor() {
    super(
      'unauthenticated',
      'invalid-token',
      'The token is not valid, or no longer: log in again.',
    );
  }
}

export class MissingRight extends DomainError {
  constructor(right: string) {
    super('forbidden', 'missing-right', `The caller lacks the right "${right}".`);
  }
}

export class CrossSiteWrite extends DomainError {
  constructor() {
    super(
      'forbidden',
      'cross-site-write',
      'A write by cookie must come from a page of this site: `Sec-Fetch-Site` or `Origin` says that it does not.',
    );
  }
}

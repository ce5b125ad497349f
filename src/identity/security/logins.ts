import { Injectable, Logger } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { EndSessions, OpenSession, RotateSession } from '../commands/sessions.js';
import { CountAttempt, ForgiveAttempt } from '../commands/throttle-attempts.js';
import { SessionEnded, WrongCredentials } from '../domain/identity.errors.js';
import { IdentityMetrics } from '../identity.metrics.js';
import { type Credentials, FindCredentials } from '../queries/find-credentials.js';
import type { Session } from '../session.repository.js';
import type { Bucket } from '../throttle.repository.js';
import { digestOf, networkOf } from './addresses.js';
import { Passwords } from './passwords.js';
import { ACCESS_SECONDS, Tokens } from './tokens.js';

export interface Attempt {
  readonly email: string;
  readonly password: string;
  /** Where it comes from. */
  readonly address: string;
}

export interface Login {
  readonly userId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresInSeconds: number;
}

/** Of one network, for whatever users: a house full of people may mistype. */
const PER_NETWORK = { burst: 50, perSecond: 0.5 };
/** Of one email, from wherever; who has logged in from a network before is counted there by himself. */
const PER_ACCOUNT = { burst: 10, perSecond: 1 / 30 };
const REGISTRATIONS = { burst: 30, perSecond: 0.1 };

/**
 * Logs in, refreshes and logs out.
 *
 * Every attempt is counted before its password is compared, over all processes, and forgiven when it was right. A wrong
 * one counts against its network and its email. Strangers can thereby keep an email busy, but not its owner at a place
 * where he has logged in before, who has a bucket of his own there. Every bucket leaks, so nobody is shut out for ever.
 */
@Injectable()
export class Logins {
  readonly #logger = new Logger('Identity');

  constructor(
    private readonly mediator: Mediator,
    private readonly passwords: Passwords,
    private readonly tokens: Tokens,
    private readonly metrics: IdentityMetrics,
  ) {}

  /** Throws `WrongCredentials`, `TooManyAttempts`, `TooManyLogins`. */
  async logIn(attempt: Attempt): Promise<Login> {
    try {
      const login = await this.#logIn(attempt);
      this.metrics.logins.inc({ outcome: 'succeeded' });
      return login;
    } catch (error) {
      this.metrics.logins.inc({ outcome: error instanceof DomainError ? error.code : 'failed' });
      throw error;
    }
  }

  /** Throws `SessionEnded`. */
  async refresh(refreshToken: string): Promise<Login> {
    const claim = this.tokens.readRefresh(refreshToken);
    if (!claim) throw new SessionEnded();
    const session = await this.mediator.execute(
      new RotateSession(claim.sessionId, claim.generation),
    );
    if (session) return this.#loginOf(session);
    this.#logger.warn(
      { session_id: claim.sessionId },
      'A refresh token came that is good no longer',
    );
    throw new SessionEnded();
  }

  /** Ends the session of either token; each of them that is none of ours is ignored. */
  async logOut(sessionId: string | undefined, refreshToken: string): Promise<void> {
    const claim = this.tokens.readRefresh(refreshToken);
    const ids = [sessionId, claim?.sessionId].filter((id) => id !== undefined);
    if (ids.length > 0) await this.mediator.execute(new EndSessions(ids));
  }

  /** Throws `TooManyAttempts` when too many users register from one network. */
  async admitRegistration(address: string): Promise<void> {
    const key = digestOf('register', networkOf(address));
    await this.mediator.execute(new CountAttempt([{ key, ...REGISTRATIONS }]));
  }

  async #logIn({ email, password, address }: Attempt): Promise<Login> {
    const network = networkOf(address);
    const place = digestOf('address', network);
    const found = await this.mediator.ask(new FindCredentials(email, place));
    const buckets = bucketsOf(email, network, found);
    await this.mediator.execute(new CountAttempt(buckets));
    if (!(await this.passwords.matches(password, found?.passwordHash)) || !found) {
      throw new WrongCredentials();
    }
    const { userId, passwordHash: from } = found;
    const isWeak = this.passwords.isWeak(from);
    const rehash = isWeak ? { from, to: await this.passwords.hash(password) } : undefined;
    const session = await this.mediator.execute(new OpenSession(userId, place, rehash));
    await this.mediator.execute(new ForgiveAttempt(buckets));
    this.#logger.log({ user_id: userId, session_id: session.id }, 'Logged in');
    return this.#loginOf(session);
  }

  async #loginOf({ id: sessionId, userId, generation }: Session): Promise<Login> {
    return {
      userId,
      accessToken: await this.tokens.access({ userId, sessionId }),
      refreshToken: this.tokens.refresh({ sessionId, generation }),
      expiresInSeconds: ACCESS_SECONDS,
    };
  }
}

/** The network's first: all take them in one order, so that two attempts cannot wait for each other. */
function bucketsOf(email: string, network: string, found: Credentials | undefined): Bucket[] {
  const own = found?.isKnownHere ? digestOf('known', email, network) : digestOf('email', email);
  return [
    { key: digestOf('network', network), ...PER_NETWORK },
    { key: own, ...PER_ACCOUNT },
  ];
}

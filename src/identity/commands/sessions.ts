import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Ids } from '../../kernel/ids.js';
import { type Session, SessionRepository } from '../session.repository.js';
import { UserRepository } from '../user.repository.js';

/** Begins a session of a user whose password was right. `rehash` replaces a hash that has become weak. */
export class OpenSession extends Command<Session> {
  constructor(
    readonly userId: string,
    readonly address: Buffer,
    readonly rehash: { readonly from: string; readonly to: string } | undefined,
  ) {
    super();
  }
}

/** Undefined when the session has ended, or ends now because a refresh token came that was used long ago. */
export class RotateSession extends Command<Session | undefined> {
  constructor(
    readonly sessionId: string,
    readonly generation: number,
  ) {
    super();
  }
}

/** Ends sessions with every token of theirs; those that have ended stay so. */
export class EndSessions extends Command<void> {
  constructor(readonly sessionIds: readonly string[]) {
    super();
  }
}

@Handles(OpenSession)
export class OpenSessionHandler implements Handler<OpenSession> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly ids: Ids,
    private readonly sessions: SessionRepository,
    private readonly users: UserRepository,
  ) {}

  async execute({ userId, address, rehash }: OpenSession): Promise<Session> {
    const session = { id: this.ids.next(), userId, generation: 1 };
    if (rehash) await this.users.rehash(userId, rehash);
    await this.sessions.open(session, this.env.AUTH_SESSION_DAYS, address);
    return session;
  }
}

@Handles(RotateSession)
export class RotateSessionHandler implements Handler<RotateSession> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly sessions: SessionRepository,
  ) {}

  execute({ sessionId, generation }: RotateSession): Promise<Session | undefined> {
    return this.sessions.rotate(sessionId, generation, this.env.AUTH_SESSION_DAYS);
  }
}

@Handles(EndSessions)
export class EndSessionsHandler implements Handler<EndSessions> {
  constructor(private readonly sessions: SessionRepository) {}

  execute({ sessionIds }: EndSessions): Promise<void> {
    return this.sessions.end(sessionIds);
  }
}

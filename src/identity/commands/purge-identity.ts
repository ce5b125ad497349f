import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { SessionRepository } from '../session.repository.js';
import { ThrottleRepository } from '../throttle.repository.js';

/** Forgets sessions that have expired, attempts of long ago and places nobody comes from; answers how many sessions. */
export class PurgeIdentity extends Command<number> {
  constructor(readonly limit: number) {
    super();
  }
}

@Handles(PurgeIdentity)
export class PurgeIdentityHandler implements Handler<PurgeIdentity> {
  constructor(
    private readonly sessions: SessionRepository,
    private readonly throttles: ThrottleRepository,
  ) {}

  async execute({ limit }: PurgeIdentity): Promise<number> {
    await this.throttles.purge();
    return this.sessions.purge(limit);
  }
}

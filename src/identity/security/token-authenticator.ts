import { Injectable } from '@nestjs/common';
import { InvalidToken } from '../../kernel/access/access.errors.js';
import { Authenticator } from '../../kernel/access/authenticator.js';
import { Callers, type UserCaller } from '../queries/callers.js';
import { Tokens } from './tokens.js';

/** A token is good while it has not expired, its session has not ended and its user is not disabled. */
@Injectable()
export class TokenAuthenticator extends Authenticator {
  constructor(
    private readonly tokens: Tokens,
    private readonly callers: Callers,
  ) {
    super();
  }

  override async authenticate(token: string): Promise<UserCaller> {
    const { userId, sessionId } = await this.tokens.readAccess(token);
    const caller = await this.callers.behind(sessionId);
    if (caller?.id !== userId) throw new InvalidToken();
    return caller;
  }
}

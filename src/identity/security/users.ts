import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ChangeUser } from '../commands/change-user.js';
import { EnsureAdmin } from '../commands/ensure-admin.js';
import type { ChangeUserRequest, UserView } from '../identity.dto.js';
import { Passwords } from './passwords.js';

/** What is done to users with a password in it: it is hashed first, so that no transaction waits for that. */
@Injectable()
export class Users {
  constructor(
    private readonly mediator: Mediator,
    private readonly passwords: Passwords,
  ) {}

  /** Throws `UserNotFound`, `TooManyLogins`. */
  async change(userId: string, request: ChangeUserRequest): Promise<UserView> {
    const { password, ...change } = request;
    if (password === undefined) return this.mediator.execute(new ChangeUser(userId, change));
    const hash = await this.passwords.hash(password);
    return this.mediator.execute(new ChangeUser(userId, change, hash));
  }

  /** See {@link EnsureAdmin}. */
  async ensureAdmin(email: string, password: string): Promise<boolean> {
    const hash = await this.passwords.hash(password);
    return this.mediator.execute(new EnsureAdmin(email.toLowerCase(), hash));
  }
}

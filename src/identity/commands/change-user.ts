import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { UserNotFound } from '../domain/identity.errors.js';
import { changed, type UserChange } from '../domain/user.js';
import type { UserView } from '../identity.dto.js';
import { SessionRepository } from '../session.repository.js';
import { UserRepository } from '../user.repository.js';
import { toUserView } from '../user.rows.js';

/** Changes what an administrator may change of a user; disabling and a new password end every session. Throws `UserNotFound`. */
export class ChangeUser extends Command<UserView> {
  constructor(
    readonly userId: string,
    readonly change: UserChange,
    readonly passwordHash?: string,
  ) {
    super();
  }
}

@Handles(ChangeUser)
export class ChangeUserHandler implements Handler<ChangeUser> {
  constructor(
    private readonly clock: Clock,
    private readonly users: UserRepository,
    private readonly sessions: SessionRepository,
  ) {}

  async execute({ userId, change, passwordHash }: ChangeUser): Promise<UserView> {
    const before = await this.users.load(userId);
    if (!before) throw new UserNotFound(userId);
    const user = changed(before, change, this.clock.now());
    await this.users.save(user);
    if (passwordHash !== undefined) await this.users.savePassword(userId, passwordHash);
    if (user.disabledAt !== null || passwordHash !== undefined) {
      await this.sessions.endAllOf(userId);
    }
    return toUserView(user);
  }
}

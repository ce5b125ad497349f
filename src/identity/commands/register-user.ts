import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Ids } from '../../kernel/ids.js';
import { EmailTaken } from '../domain/identity.errors.js';
import { newUser } from '../domain/user.js';
import type { UserView } from '../identity.dto.js';
import { UserRepository } from '../user.repository.js';
import { toUserView } from '../user.rows.js';

/** Makes a user without roles and rights. Throws `EmailTaken`. */
export class RegisterUser extends Command<UserView> {
  constructor(
    readonly user: { readonly email: string; readonly name: string },
    /** Hashed before, so that no transaction stays open for it. */
    readonly passwordHash: string,
  ) {
    super();
  }
}

@Handles(RegisterUser)
export class RegisterUserHandler implements Handler<RegisterUser> {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly users: UserRepository,
  ) {}

  async execute({ user: { email, name }, passwordHash }: RegisterUser): Promise<UserView> {
    const user = newUser({ id: this.ids.next(), email, name }, this.clock.now());
    if (!(await this.users.insert(user, passwordHash))) throw new EmailTaken();
    return toUserView(user);
  }
}

import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Ids } from '../../kernel/ids.js';
import { ADMIN_ROLE } from '../domain/rights.js';
import { changed, newUser } from '../domain/user.js';
import { UserRepository } from '../user.repository.js';

/**
 * Makes a user an administrator: a new one with the password, or one that is there, who keeps his. Answers whether he is
 * new. May be repeated, by any number of processes at once.
 */
export class EnsureAdmin extends Command<boolean> {
  constructor(
    readonly email: string,
    readonly passwordHash: string,
  ) {
    super();
  }
}

@Handles(EnsureAdmin)
export class EnsureAdminHandler implements Handler<EnsureAdmin> {
  constructor(
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly users: UserRepository,
  ) {}

  async execute({ email, passwordHash }: EnsureAdmin): Promise<boolean> {
    const now = this.clock.now();
    const fresh = newUser({ id: this.ids.next(), email, name: 'Administrator' }, now);
    const admin = changed(fresh, { roles: [ADMIN_ROLE] }, now);
    if (await this.users.insert(admin, passwordHash)) return true;
    const known = await this.users.loadByEmail(email);
    if (known && !known.roles.includes(ADMIN_ROLE)) {
      await this.users.save(changed(known, { roles: [...known.roles, ADMIN_ROLE] }, now));
    }
    return false;
  }
}

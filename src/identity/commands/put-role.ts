import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { RoleIsFixed } from '../domain/identity.errors.js';
import { ADMIN_ROLE, type Right } from '../domain/rights.js';
import type { RoleView } from '../identity.dto.js';
import { UserRepository } from '../user.repository.js';

/** Says which rights a role brings; whoever has it has them within a second. Throws `RoleIsFixed`. */
export class PutRole extends Command<RoleView> {
  constructor(
    readonly name: string,
    readonly rights: readonly Right[],
  ) {
    super();
  }
}

@Handles(PutRole)
export class PutRoleHandler implements Handler<PutRole> {
  constructor(private readonly users: UserRepository) {}

  async execute({ name, rights }: PutRole): Promise<RoleView> {
    if (name === ADMIN_ROLE) throw new RoleIsFixed(name);
    const distinct = [...new Set(rights)];
    await this.users.saveRole(name, distinct);
    return { name, rights: distinct };
  }
}

import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import type { RoleView } from '../identity.dto.js';

/** The roles that bring rights, by name. */
export class ListRoles extends Query<{ items: RoleView[] }> {}

@Handles(ListRoles)
export class ListRolesHandler implements Handler<ListRoles> {
  constructor(private readonly database: Database) {}

  async execute(): Promise<{ items: RoleView[] }> {
    const items = await this.database.query<RoleView>(
      `select name, rights from identity.role order by name`,
    );
    return { items };
  }
}

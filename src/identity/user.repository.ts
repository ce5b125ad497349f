import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { Right } from './domain/rights.js';
import type { User } from './domain/user.js';
import { toUser, USER_COLUMNS, type UserRow } from './user.rows.js';

/** The only code that writes users and roles, in the open Unit of Work. */
@Injectable()
export class UserRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** False when the email is taken. */
  async insert(user: User, passwordHash: string): Promise<boolean> {
    const rows = await this.unitOfWork.query(
      `insert into identity.account (${USER_COLUMNS}, password) values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (email) do nothing returning id`,
      [...valuesOf(user), passwordHash],
    );
    return rows.length > 0;
  }

  /** Locks and loads. */
  async load(id: string): Promise<User | undefined> {
    const [row] = await this.unitOfWork.query<UserRow>(
      `select ${USER_COLUMNS} from identity.account where id = $1 for update`,
      [id],
    );
    return row && toUser(row);
  }

  /** Locks and loads. */
  async loadByEmail(email: string): Promise<User | undefined> {
    const [row] = await this.unitOfWork.query<UserRow>(
      `select ${USER_COLUMNS} from identity.account where email = $1 for update`,
      [email],
    );
    return row && toUser(row);
  }

  /** Email and birth of a user never change. */
  async save({ id, name, roles, rights, disabledAt }: User): Promise<void> {
    await this.unitOfWork.query(
      `update identity.account set name = $2, roles = $3, rights = $4, disabled_at = $5 where id = $1`,
      [id, name, roles, rights, disabledAt],
    );
  }

  async savePassword(id: string, passwordHash: string): Promise<void> {
    await this.unitOfWork.query(`update identity.account set password = $2 where id = $1`, [
      id,
      passwordHash,
    ]);
  }

  /** The same password, hashed at today's cost; void when it was changed meanwhile. */
  async rehash(id: string, { from, to }: { from: string; to: string }): Promise<void> {
    await this.unitOfWork.query(
      `update identity.account set password = $3 where id = $1 and password = $2`,
      [id, from, to],
    );
  }

  async saveRole(name: string, rights: readonly Right[]): Promise<void> {
    await this.unitOfWork.query(
      `insert into identity.role (name, rights) values ($1, $2)
       on conflict (name) do update set rights = excluded.rights`,
      [name, rights],
    );
  }
}

function valuesOf(user: User): unknown[] {
  const { id, email, name, roles, rights, disabledAt, createdAt } = user;
  return [id, email, name, roles, rights, disabledAt, createdAt];
}

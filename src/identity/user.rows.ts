import type { Right } from './domain/rights.js';
import type { User } from './domain/user.js';
import type { UserView } from './identity.dto.js';

/** A row of `identity.account` without its password, as the driver returns it. */
export interface UserRow {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly roles: string[];
  readonly rights: Right[];
  readonly disabled_at: Date | null;
  readonly created_at: Date;
}

export const USER_COLUMNS = `id, email, name, roles, rights, disabled_at, created_at`;

/** The rights of an account that is called `account`: its own and those of its roles. */
export const GRANTED = `account.rights || array(
  select unnest(role.rights) from identity.role where role.name = any(account.roles))`;

export function toUser(row: UserRow): User {
  const { disabled_at: disabledAt, created_at: createdAt, ...rest } = row;
  return { ...rest, disabledAt, createdAt };
}

export function toUserView(user: User): UserView {
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    roles: [...user.roles],
    rights: [...user.rights],
    disabled_at: user.disabledAt,
    created_at: user.createdAt,
  };
}

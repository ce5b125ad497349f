import type { Right } from './rights.js';

export interface User {
  readonly id: string;
  /** In lower case: two users cannot differ in case only. */
  readonly email: string;
  readonly name: string;
  /** Any names: those in the table of roles bring rights, others mean something to workflows. */
  readonly roles: readonly string[];
  /** Granted directly, beside those of the roles. */
  readonly rights: readonly Right[];
  readonly disabledAt: Date | null;
  readonly createdAt: Date;
}

export interface UserChange {
  readonly name?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly rights?: readonly Right[] | undefined;
  readonly disabled?: boolean | undefined;
}

export function newUser(given: Pick<User, 'id' | 'email' | 'name'>, now: Date): User {
  return { ...given, roles: [], rights: [], disabledAt: null, createdAt: now };
}

/** What is not named stays. Who is disabled already keeps the instant of that. */
export function changed(user: User, change: UserChange, now: Date): User {
  const { name = user.name, roles = user.roles, rights = user.rights, disabled } = change;
  const disabledAt =
    disabled === undefined ? user.disabledAt : disabled ? (user.disabledAt ?? now) : null;
  return { ...user, name, roles: [...new Set(roles)], rights: [...new Set(rights)], disabledAt };
}

import type { Caller } from '../kernel/access/caller.js';
import type { UserTask } from './user-task.repository.js';
import { OPERATE } from './workflow.access.js';

/** Who acts on user tasks, as commands carry it. */
export interface Actor {
  readonly id: string;
  readonly roles: readonly string[];
  /** May do everybody's. */
  readonly operates: boolean;
}

export const actorOf = ({ id, roles, rights }: Caller): Actor => ({
  id,
  roles,
  operates: rights.has(OPERATE),
});

/** A task that names neither roles nor users is for everybody. */
export function mayDo(actor: Actor, { roles, users }: Pick<UserTask, 'roles' | 'users'>): boolean {
  if (actor.operates || (roles.length === 0 && users.length === 0)) return true;
  return users.includes(actor.id) || roles.some((role) => actor.roles.includes(role));
}

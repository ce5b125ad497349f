import type { Caller } from '../kernel/access/caller.js';
import type { DomainError } from '../kernel/domain/domain-error.js';
import { UserTaskNotFound, UserTaskNotOpen, UserTaskOfAnother } from './domain/workflow.errors.js';
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
function mayDo(actor: Actor, { roles, users }: Pick<UserTask, 'roles' | 'users'>): boolean {
  if (actor.operates || (roles.length === 0 && users.length === 0)) return true;
  return users.includes(actor.id) || roles.some((role) => actor.roles.includes(role));
}

/** Somebody else has claimed it. */
export const isOfAnother = ({ assignee }: UserTask, actor: Actor): boolean =>
  assignee !== null && assignee !== actor.id;

/** The task with this id if the actor may act on it now, or the rule against it. */
export function openFor(
  actor: Actor,
  id: string,
  task: UserTask | undefined,
): UserTask | DomainError {
  if (!task) return new UserTaskNotFound(id);
  if (!mayDo(actor, task)) return new UserTaskOfAnother(id);
  const isOpen = task.status === 'created' || task.status === 'claimed';
  return isOpen ? task : new UserTaskNotOpen(id, task.status);
}

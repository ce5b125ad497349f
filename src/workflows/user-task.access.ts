import type { Caller } from '../kernel/access/caller.js';
import { DomainError } from '../kernel/domain/domain-error.js';
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
function mayDo(actor: Actor, { roles, users, assignee, owner }: UserTask): boolean {
  if (actor.operates || (roles.length === 0 && users.length === 0)) return true;
  if (assignee === actor.id || owner === actor.id) return true;
  return users.includes(actor.id) || roles.some((role) => actor.roles.includes(role));
}

/** Somebody else has claimed it. */
export const isOfAnother = ({ assignee }: UserTask, actor: Actor): boolean =>
  assignee !== null && assignee !== actor.id;

/** The task with this id if the actor has to do with it, or the rule against it. */
export function knownTo(
  actor: Actor,
  id: string,
  task: UserTask | undefined,
): UserTask | DomainError {
  if (!task) return new UserTaskNotFound(id);
  return mayDo(actor, task) ? task : new UserTaskOfAnother(id);
}

/** The task with this id if the actor may act on it now, or the rule against it. */
export function openFor(
  actor: Actor,
  id: string,
  found: UserTask | undefined,
): UserTask | DomainError {
  const task = knownTo(actor, id, found);
  if (task instanceof DomainError) return task;
  const isOpen = task.status === 'created' || task.status === 'claimed';
  return isOpen ? task : new UserTaskNotOpen(id, task.status);
}

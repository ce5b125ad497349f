import type { DomainError } from '../../kernel/domain/domain-error.js';
import { UserTaskClaimed, UserTaskOfAnother, UserTaskUnclaimed } from './workflow.errors.js';

/** In whose hands a user task is. */
export interface Hands {
  readonly assignee: string | null;
  /** Who delegated it and stays accountable: it comes back to him. */
  readonly owner: string | null;
}

export type HandOver =
  | { readonly act: 'claim' | 'release' }
  | { readonly act: 'assign' | 'delegate'; readonly to: string };

interface Task extends Hands {
  readonly id: string;
}

interface Who {
  readonly id: string;
  readonly operates: boolean;
}

/**
 * Whose a task is after this, or the rule against it. What has been claimed is handed over by whoever has it, and by
 * operators; what nobody has, by operators alone. A delegate may do the task; giving it back gives it to its owner, who
 * may also claim it back.
 */
export function handedOver(task: Task, wish: HandOver, who: Who): Hands | DomainError {
  if (wish.act === 'claim') return claimed(task, who);
  const isTheirs = task.assignee === who.id || who.operates;
  switch (wish.act) {
    case 'release':
      if (task.assignee !== null && !isTheirs) return new UserTaskOfAnother(task.id);
      return { assignee: task.owner, owner: null };
    case 'assign':
      return isTheirs ? { assignee: wish.to, owner: null } : new UserTaskOfAnother(task.id);
    case 'delegate':
      if (task.assignee === null) return new UserTaskUnclaimed(task.id);
      return isTheirs ? delegated(task, task.assignee, wish.to) : new UserTaskOfAnother(task.id);
  }
}

function claimed({ id, assignee, owner }: Task, who: Who): Hands | DomainError {
  if (assignee === null || assignee === who.id) return { assignee: who.id, owner };
  return owner === who.id ? { assignee: who.id, owner: null } : new UserTaskClaimed(id);
}

function delegated({ owner }: Task, assignee: string, to: string): Hands {
  const accountable = owner ?? assignee;
  return { assignee: to, owner: accountable === to ? null : accountable };
}

import type { Caller } from '../kernel/access/caller.js';

/** The right to see and touch every task, whoever owns it. */
export const OPERATE = 'task:operate';

/** Whose tasks the caller may see and touch: his own; undefined with the right to operate, which means all. */
export function tasksOpenTo(caller: Caller): string | undefined {
  return caller.rights.has(OPERATE) ? undefined : caller.id;
}

/** Who owns what the caller creates; nobody where nobody has logged in. */
export function ownerOf(caller: Caller): string | null {
  return caller.isAnonymous ? null : caller.id;
}

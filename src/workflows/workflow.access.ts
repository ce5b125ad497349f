import type { Caller } from '../kernel/access/caller.js';

/** The right to write drafts, to publish them, and to change config. */
export const DESIGN = 'workflow:design';

/** The right to interfere with running instances, and with everybody's user tasks. */
export const OPERATE = 'task:operate';

/** Null where nobody has logged in. */
export function idOf(caller: Caller): string | null {
  return caller.isAnonymous ? null : caller.id;
}

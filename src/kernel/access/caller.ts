import type { FastifyRequest } from 'fastify';

/**
 * Who calls. Handlers get it by `@CurrentCaller()` and commands carry it as data, so that a rule is decided by what the
 * command says and never by what happens to run around it.
 */
export interface Caller {
  /** The user's id; a fixed word for those who are no users. */
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** What it may do at this moment, implied rights included. Ask it by `has`. */
  readonly rights: ReadonlySet<string>;
  /** Nobody has logged in. */
  readonly isAnonymous: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls, once that was found out. */
    caller?: Caller;
    /** Asks again who calls, for answers that last; absent without a token. */
    recheck?: () => Promise<Caller>;
    /** Why the credentials of the request are not believed; told where a caller is needed. */
    disbelief?: Error;
  }
}

/** By convention a right that spends money ends so; nobody has it without being somebody. */
const COSTLY = ':paid';

class EveryFreeRight extends Set<string> {
  override has(right: string): boolean {
    return !right.endsWith(COSTLY);
  }
}

/** Who has not logged in where `AUTH_MODE=open`: the local developer, with every right but those that spend money. */
export const DEVELOPER: Caller = {
  id: 'anonymous',
  name: 'Local developer',
  roles: [],
  rights: new EveryFreeRight(),
  isAnonymous: true,
};

/** Who has not logged in where `AUTH_MODE=required`, at a public door. */
export const NOBODY: Caller = {
  id: 'anonymous',
  name: 'Nobody',
  roles: [],
  rights: new Set(),
  isAnonymous: true,
};

/** For whom messages are handled that the program sends to itself: rights were asked for where the work began. */
export const SYSTEM: Caller = {
  id: 'system',
  name: 'Millrace',
  roles: [],
  rights: new Set(),
  isAnonymous: false,
};

/** Scopes what belongs to one caller, such as idempotency keys. */
export function callerIdOf(request: FastifyRequest): string {
  return request.caller?.id ?? NOBODY.id;
}

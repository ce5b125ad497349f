import type { FastifyRequest } from 'fastify';
import { DomainError } from '../domain/domain-error.js';
import type { Caller } from './caller.js';

/** With the age that an answer about a caller may have, what was withdrawn counts within a second. */
const EVERY_MS = 400;

/**
 * For answers that last: says once when the caller of the request may do something else than at its beginning, or is logged
 * out. Whoever cannot be asked about just now is left in peace. Returns how to stop; who brought no token is not watched.
 */
export function watchCaller({ caller, recheck }: FastifyRequest, onChange: () => void): () => void {
  if (!caller || !recheck) return () => undefined;
  const stop = (): void => {
    clearInterval(timer);
  };
  const changed = (): void => {
    stop();
    onChange();
  };
  const timer = setInterval(() => {
    recheck().then(
      (now) => {
        if (!hasSameRights(now, caller)) changed();
      },
      (error: unknown) => {
        if (error instanceof DomainError && !error.passes) changed();
      },
    );
  }, EVERY_MS);
  return stop;
}

function hasSameRights(now: Caller, before: Caller): boolean {
  const isSameSize = now.rights.size === before.rights.size;
  return isSameSize && [...now.rights].every((right) => before.rights.has(right));
}

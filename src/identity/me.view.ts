import type { Caller } from '../kernel/access/caller.js';
import { RIGHTS } from './domain/rights.js';
import type { MeView } from './identity.dto.js';
import type { UserCaller } from './queries/callers.js';

export function toMe(caller: Caller | UserCaller): MeView {
  return {
    id: caller.id,
    email: 'email' in caller ? caller.email : null,
    name: caller.name,
    roles: [...caller.roles],
    rights: RIGHTS.filter((right) => caller.rights.has(right)),
    is_anonymous: caller.isAnonymous,
  };
}

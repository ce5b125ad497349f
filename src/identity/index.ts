export { RIGHTS, type Right } from './domain/rights.js';
export { IdentityModule } from './identity.module.js';
export { CreateIdentity1763683600000 } from './migrations/1763683600000-create-identity.js';
export { RightsOf } from './queries/rights-of.js';
export { Users } from './security/users.js';

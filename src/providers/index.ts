export { CreateQuota1763683204000 } from './migrations/1763683204000-create-quota.js';

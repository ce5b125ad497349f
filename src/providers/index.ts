export { CreateMessages } from './commands/create-messages.js';
export { CreateMessages1763683702000 } from './migrations/1763683702000-create-messages.js';
export { CreateQuota1763683204000 } from './migrations/1763683204000-create-quota.js';
export { ProvidersModule } from './providers.module.js';

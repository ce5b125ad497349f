export { LineProviderModule } from './line-provider.module.js';
export { CreateLineEvents1763683601000 } from './migrations/1763683601000-create-line-events.js';

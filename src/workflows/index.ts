export { StartInstances } from './commands/start-instances.js';
export { TellInstances } from './commands/tell-instances.js';
export { CreateWorkflows1763683700000 } from './migrations/1763683700000-create-workflows.js';
export {
  type ModuleContext,
  type ModuleResult,
  WorkflowModule,
  type WorkflowModuleRunner,
} from './modules/workflow-module.js';
export { WorkflowsModule } from './workflows.module.js';

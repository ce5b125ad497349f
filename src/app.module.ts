import { type DynamicModule, Module } from '@nestjs/common';
import { IdentityModule } from './identity/index.js';
import type { Env } from './kernel/env.js';
import { KernelModule } from './kernel/kernel.module.js';
import { TasksModule } from './tasks/index.js';
import { WorkflowsModule } from './workflows/index.js';

/** Names for `MODULES`. */
const MODULES = { identity: IdentityModule, tasks: TasksModule, workflows: WorkflowsModule };

/** The list of modules that the process carries. */
@Module({})
export class AppModule {
  static for(env: Env): DynamicModule {
    const wanted = Object.entries(MODULES).filter(
      ([name]) => env.MODULES.includes('all') || env.MODULES.includes(name),
    );
    return {
      module: AppModule,
      imports: [KernelModule.for(env), ...wanted.map(([, module]) => module)],
    };
  }
}

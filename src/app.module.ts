import { type DynamicModule, Module } from '@nestjs/common';
import { BetMakerModule } from './betting/bet-maker/index.js';
import { LineProviderModule } from './betting/line-provider/index.js';
import { IdentityModule } from './identity/index.js';
import type { Env } from './kernel/env.js';
import { KernelModule } from './kernel/kernel.module.js';
import { ProvidersModule } from './providers/index.js';
import { SimulatorsModule } from './simulators/index.js';
import { TasksModule } from './tasks/index.js';
import { WorkflowsModule } from './workflows/index.js';

/** Names for `MODULES`. */
const MODULES = {
  identity: IdentityModule,
  providers: ProvidersModule,
  simulators: SimulatorsModule,
  tasks: TasksModule,
  workflows: WorkflowsModule,
  'bet-maker': BetMakerModule,
  'line-provider': LineProviderModule,
};

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

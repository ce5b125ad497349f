import { KernelModule } from '../../src/kernel/kernel.module.js';
import { runProgram } from '../../src/kernel/program.js';
import { MlModule } from './ml.module.js';

await runProgram('The ML example', (env) => ({
  module: MlModule,
  imports: [KernelModule.for(env)],
}));

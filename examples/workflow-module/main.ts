import { AppModule } from '../../src/app.module.js';
import { runProgram } from '../../src/kernel/program.js';
import { ScoreModule } from './score.module.js';

await runProgram('The score example', (env) => ({
  module: ScoreModule,
  imports: [AppModule.for(env)],
}));

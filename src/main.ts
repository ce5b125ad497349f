import { AppModule } from './app.module.js';
import { runProgram } from './kernel/program.js';

await runProgram('Millrace', (env) => AppModule.for(env));

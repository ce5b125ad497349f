import { Module } from '@nestjs/common';
import { startApp } from '../../src/app.js';
import { AppModule } from '../../src/app.module.js';
import { loadEnv } from '../../src/kernel/env.js';
import { endProcessWith } from '../../src/kernel/process-end.js';
import { TaskHandler, type TaskRunner } from '../../src/tasks/index.js';

/** The program with a handler that never ends and ignores its abort signal. Prints its port when it is up. */
@TaskHandler('leak', { timeoutMs: 100, maxAttempts: 1 })
class Leak implements TaskRunner {
  run(): Promise<never> {
    return new Promise(() => {
      setInterval(() => undefined, 1_000); // keeps at work, as a real one does
    });
  }
}

@Module({ providers: [Leak] })
class LeakModule {}

const env = loadEnv();

@Module({ imports: [AppModule.for(env), LeakModule] })
class Root {}

const app = await startApp(env, Root);
endProcessWith(app, env);
console.log(`up at ${await app.getUrl()}`);

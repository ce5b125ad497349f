import { type DynamicModule, Logger, type Type } from '@nestjs/common';
import { demandSecrets } from './access/demand-secrets.js';
import { startApp } from './app.js';
import { type Env, InvalidEnvironmentError, loadEnv } from './env.js';
import { createLogger, exitOnCrash, JsonLogger } from './observability/logger.js';
import { flushTelemetry } from './observability/observability.module.js';
import { endProcessWith } from './process-end.js';

const logger = new Logger('Main');

/**
 * The whole life of a process: reads its settings, starts the application and ends it in good order at SIGTERM or SIGINT.
 * A program of one's own: `runProgram('Orders', (env) => ({ module: OrdersModule, imports: [KernelModule.for(env)] }))`.
 *
 * Resolves when it is up. What keeps it from starting is said once, and the process ends with code 1.
 */
export async function runProgram(
  name: string,
  rootFor: (env: Env) => Type | DynamicModule,
): Promise<void> {
  try {
    const env = loadEnv();
    demandSecrets(env);
    const lines = createLogger(env);
    Logger.overrideLogger(new JsonLogger(lines)); // from the first line on, also when the boot fails
    exitOnCrash(lines);
    const app = await startApp(env, rootFor(env));
    const broker = env.AMQP_URL ? 'rabbitmq' : 'postgres';
    logger.log({ roles: env.ROLES, port: env.PORT, broker }, `${name} is up`);
    endProcessWith(app, env);
  } catch (error) {
    if (error instanceof InvalidEnvironmentError) process.stderr.write(`${error.message}\n`);
    else logger.fatal({ err: error }, `${name} could not start`);
    await flushTelemetry();
    process.exit(1);
  }
}

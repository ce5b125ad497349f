import { Logger } from '@nestjs/common';
import { startApp } from './app.js';
import { InvalidEnvironmentError, loadEnv } from './kernel/env.js';
import { createLogger, exitOnCrash, JsonLogger } from './kernel/observability/logger.js';
import { flushTelemetry } from './kernel/observability/observability.module.js';
import { endProcessWith } from './process-end.js';

const logger = new Logger('Main');

async function main(): Promise<void> {
  const env = loadEnv();
  if (env.AUTH_MODE === 'required') {
    // Better no service than one that its operator believes to be closed.
    throw new InvalidEnvironmentError([
      'AUTH_MODE is required (the default), but this version cannot authenticate callers yet: set AUTH_MODE=open where only trusted callers reach it',
    ]);
  }
  const lines = createLogger(env);
  Logger.overrideLogger(new JsonLogger(lines)); // from the first line on, also when the boot fails
  exitOnCrash(lines);
  const app = await startApp(env);
  logger.log(
    { roles: env.ROLES, port: env.PORT, broker: env.AMQP_URL ? 'rabbitmq' : 'postgres' },
    'Millrace is up',
  );
  endProcessWith(app, env);
}

main().catch(async (error: unknown) => {
  if (error instanceof InvalidEnvironmentError) console.error(error.message);
  else logger.fatal({ err: error }, 'Millrace could not start');
  await flushTelemetry();
  process.exit(1);
});

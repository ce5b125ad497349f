import { Logger } from '@nestjs/common';
import { startApp, stopApp } from './app.js';
import { InvalidEnvironmentError, loadEnv } from './kernel/env.js';
import { createLogger, exitOnCrash, JsonLogger } from './kernel/observability/logger.js';
import { flushTelemetry } from './kernel/observability/observability.module.js';

const logger = new Logger('Main');

async function main(): Promise<void> {
  const env = loadEnv();
  const lines = createLogger(env);
  Logger.overrideLogger(new JsonLogger(lines)); // from the first line on, also when the boot fails
  exitOnCrash(lines);
  const app = await startApp(env);
  logger.log(
    { roles: env.ROLES, port: env.PORT, broker: env.AMQP_URL ? 'rabbitmq' : 'postgres' },
    'Millrace is up',
  );

  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return;
    stopping = true;
    logger.log({ signal }, 'Shutting down');
    // Whatever hangs must not outlive the grace time by much: an orchestrator would kill it less politely.
    setTimeout(() => process.exit(1), env.SHUTDOWN_GRACE_MS + 8_000).unref();
    stopApp(app).then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'The shutdown failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch(async (error: unknown) => {
  if (error instanceof InvalidEnvironmentError) console.error(error.message);
  else logger.fatal({ err: error }, 'Millrace could not start');
  await flushTelemetry();
  process.exit(1);
});

import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { stopApp } from './app.js';
import type { Env } from './env.js';
import { Recycling } from './recycling.js';

const logger = new Logger('Main');

/**
 * Ends the process gracefully: with code 0 when it is told to by a signal, with 1 when it asks to be started anew
 * or the shutdown fails.
 */
export function endProcessWith(app: NestFastifyApplication, env: Env): void {
  let stopping = false;
  const stop = (why: object, exitCode: number) => {
    if (stopping) return;
    stopping = true;
    logger.log(why, 'Shutting down');
    // Whatever hangs must not outlive the grace time by much: an orchestrator would kill it less politely.
    setTimeout(() => process.exit(1), env.SHUTDOWN_GRACE_MS + 8_000).unref();
    stopApp(app).then(
      () => process.exit(exitCode),
      (error: unknown) => {
        logger.error({ err: error }, 'The shutdown failed');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop({ signal }, 0);
    });
  }
  void app.get(Recycling).asked.then((reason) => {
    stop({ reason }, 1);
  });
}

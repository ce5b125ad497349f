import { type DynamicModule, NotFoundException, type Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DeadLetterCollector } from './dead-letters/dead-letter-collector.js';
import type { Env } from './env.js';
import { createHttpApp } from './http/http-app.js';
import { MessageServer } from './messaging/message-server.js';
import { HealthChecks } from './observability/health-checks.js';
import { createLogger, JsonLogger } from './observability/logger.js';

/**
 * Starts an application: messages first, so that a ready process can also work.
 * `root` is the module that imports all others, `KernelModule.for(env)` among them. When a part cannot start, the others are stopped again: a port that is
 * taken must not cost the tasks that this process has begun to run.
 */
export async function startApp(
  env: Env,
  root: Type | DynamicModule,
): Promise<NestFastifyApplication> {
  const logger = createLogger(env);
  const app = await createHttpApp(root, env, {
    logger: new JsonLogger(logger),
    abortOnError: false,
  });
  if (!env.ROLES.includes('api')) serveProbesOnly(app);
  app.connectMicroservice({ strategy: app.get(MessageServer) });
  try {
    await app.init();
    await app.startAllMicroservices();
    await app.get(DeadLetterCollector).start(); // the queues are declared by now
    await app.listen(env.PORT, env.HOST);
    return app;
  } catch (error) {
    await stopApp(app).catch((reason: unknown) => {
      logger.error({ err: reason }, 'What was started could not be stopped');
    });
    throw error;
  }
}

/** Takes no more work, finishes what is at hand within the grace time, closes everything. */
export async function stopApp(app: NestFastifyApplication): Promise<void> {
  app.get(HealthChecks).drain(); // readiness says no before anything stops
  await app.get(MessageServer).stopConsuming();
  await app.close();
}

/** Whoever runs a worker still wants to know how it is. */
function serveProbesOnly(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (/^\/api\/v1\/(health|metrics)/.test(request.url)) done();
    else done(new NotFoundException('This process does not serve the API.'));
  });
}

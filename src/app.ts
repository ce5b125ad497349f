import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { Env } from './kernel/env.js';
import { createHttpApp } from './kernel/http/http-app.js';
import { MessageServer } from './kernel/messaging/message-server.js';
import { JsonLogger } from './kernel/observability/logger.js';

/** Puts the whole program together and starts it: messages first, so that a ready process can also work. */
export async function startApp(env: Env): Promise<NestFastifyApplication> {
  const app = await createHttpApp(AppModule.for(env), env, {
    bufferLogs: true,
    abortOnError: false,
  });
  app.useLogger(app.get(JsonLogger));
  app.connectMicroservice({ strategy: app.get(MessageServer) });
  await app.init();
  await app.startAllMicroservices();
  await app.listen(env.PORT, env.HOST);
  return app;
}

/** Takes no more work, finishes what is at hand within the grace time, closes everything. */
export async function stopApp(app: NestFastifyApplication): Promise<void> {
  await app.get(MessageServer).stopConsuming();
  await app.close();
}

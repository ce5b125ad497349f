import type { DynamicModule, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { startApp as start } from './kernel/app.js';
import type { Env } from './kernel/env.js';

export { stopApp } from './kernel/app.js';

/** Starts the whole program, or what `root` makes of it. */
export function startApp(
  env: Env,
  root: Type | DynamicModule = AppModule.for(env),
): Promise<NestFastifyApplication> {
  return start(env, root);
}

import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { AppModule } from '../../src/app.module.js';
import { loadEnv } from '../../src/kernel/env.js';
import type { QueueDeclaration } from '../../src/kernel/messaging/broker.js';
import { MessageScopes } from '../../src/kernel/messaging/message-scopes.js';
import { PostgresBroker } from '../../src/kernel/messaging/postgres/postgres-broker.js';

/** As a first start of the program does, so that no test waits for the tables of its queues. Nothing else is started. */
export async function declareQueues(databaseUrl: string): Promise<void> {
  const queues = await queuesOfTheProgram(databaseUrl);
  const broker = new PostgresBroker({ databaseUrl, logger: new Logger('template') });
  await broker.start();
  await broker.declare(queues);
  await broker.close();
}

async function queuesOfTheProgram(databaseUrl: string): Promise<QueueDeclaration[]> {
  const module = AppModule.for(loadEnv({ NODE_ENV: 'test', DATABASE_URL: databaseUrl }));
  const app = await NestFactory.create(module, new FastifyAdapter(), { logger: false });
  const scopes = app.get(MessageScopes, { strict: false }).find();
  await app.get(DataSource, { strict: false }).destroy();
  return scopes.flatMap((scope) => scope.queues);
}

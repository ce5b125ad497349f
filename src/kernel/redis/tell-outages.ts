import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';

const logger = new Logger('Redis');

/** Says once for each outage that the server is away, and what that means. */
export function tellOutages(client: Redis, meanwhile: string): Redis {
  let isAway = false;
  client.on('error', (error: Error) => {
    if (!isAway) logger.warn({ err: error }, `Redis is away; ${meanwhile}`);
    isAway = true;
  });
  client.on('ready', () => {
    isAway = false;
  });
  return client;
}

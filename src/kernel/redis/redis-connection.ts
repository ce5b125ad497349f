import { Inject, Injectable } from '@nestjs/common';
import { Redis } from 'ioredis';
import { ENV, type Env } from '../env.js';
import { tellOutages } from './tell-outages.js';

/** What has not answered by then is taken as away: Redis holds only what Postgres can answer as well. */
const COMMAND_TIMEOUT_MS = 500;
const MAX_RECONNECT_MS = 2_000;

/** The Redis of the process, where REDIS_URL names one. Commands fail at once while it is away, and it reconnects by itself. */
@Injectable()
export class RedisConnection {
  readonly client: Redis | undefined;

  constructor(@Inject(ENV) env: Env) {
    if (env.REDIS_URL !== undefined) this.client = open(env.REDIS_URL);
  }

  /** A second connection, for subscriptions, which allow no other commands on theirs. */
  duplicate(): Redis | undefined {
    return this.client && guarded(this.client.duplicate({ enableOfflineQueue: true }));
  }

  async close(): Promise<void> {
    this.client?.disconnect();
  }
}

const open = (url: string): Redis =>
  guarded(
    new Redis(url, {
      commandTimeout: COMMAND_TIMEOUT_MS,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(MAX_RECONNECT_MS, times * 100),
    }),
  );

const guarded = (client: Redis): Redis => tellOutages(client, 'Postgres answers instead');

import { Inject, Injectable, Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { ENV, type Env } from '../env.js';

/** What has not answered by then is taken as away: Redis holds only what Postgres can answer as well. */
const COMMAND_TIMEOUT_MS = 500;
const MAX_RECONNECT_MS = 2_000;

/** The Redis of the process, where REDIS_URL names one. Commands fail at once while it is away, and it reconnects by itself. */
@Injectable()
export class RedisConnection {
  readonly #logger = new Logger('Redis');
  readonly client: Redis | undefined;

  constructor(@Inject(ENV) env: Env) {
    if (env.REDIS_URL !== undefined) this.client = this.#open(env.REDIS_URL);
  }

  /** A second connection, for subscriptions, which allow no other commands on theirs. */
  duplicate(): Redis | undefined {
    return this.client && this.#guard(this.client.duplicate({ enableOfflineQueue: true }));
  }

  async close(): Promise<void> {
    this.client?.disconnect();
  }

  #open(url: string): Redis {
    return this.#guard(
      new Redis(url, {
        commandTimeout: COMMAND_TIMEOUT_MS,
        enableOfflineQueue: false,
        maxRetriesPerRequest: 0,
        retryStrategy: (times) => Math.min(MAX_RECONNECT_MS, times * 100),
      }),
    );
  }

  #guard(client: Redis): Redis {
    let isTold = false;
    client.on('error', (error) => {
      if (!isTold) this.#logger.warn({ err: error }, 'Redis is away; Postgres answers instead');
      isTold = true;
    });
    client.on('ready', () => {
      isTold = false;
    });
    return client;
  }
}

import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { ENV, type Env } from '../env.js';
import { HealthChecks } from '../observability/health-checks.js';

/** The part of the grace period that is given to clients and load balancers to go elsewhere. */
const SHARE_OF_GRACE = 0.1;

/**
 * How the HTTP door is closed: readiness says no first, every answer then asks its client to give the connection
 * up, and the server stops listening when no connection is left or a tenth of the grace period has passed.
 * Requests that are under way, or still arrive, are answered in full; what has no end of its own, such as a stream of
 * events, is cut off when the grace period is over.
 */
@Injectable()
export class Draining implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
  #server?: FastifyInstance['server'];
  #end?: NodeJS.Timeout;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly health: HealthChecks,
  ) {}

  watch(fastify: FastifyInstance): void {
    this.#server = fastify.server;
    fastify.addHook('onSend', (_request, reply, _payload, done) => {
      if (this.health.draining) reply.header('connection', 'close');
      done();
    });
  }

  /** Nest's first step of a shutdown; whoever has something to do before it calls `HealthChecks.drain` earlier. */
  onModuleDestroy(): void {
    this.health.drain();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#end = setTimeout(() => this.#server?.closeAllConnections(), this.env.SHUTDOWN_GRACE_MS);
    this.#end.unref();
    const deadline = performance.now() + this.env.SHUTDOWN_GRACE_MS * SHARE_OF_GRACE;
    while (performance.now() < deadline && (await this.#connections()) > 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  onApplicationShutdown(): void {
    clearTimeout(this.#end);
  }

  #connections(): Promise<number> {
    const server = this.#server;
    if (!server?.listening) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      server.getConnections((error, count) => {
        if (error) reject(error);
        else resolve(count);
      });
    });
  }
}

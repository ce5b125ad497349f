import { Global, Inject, Module } from '@nestjs/common';
import type {
  InjectionToken,
  OnApplicationBootstrap,
  OnModuleDestroy,
  OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { UnknownElementException } from '@nestjs/core/errors/exceptions/unknown-element.exception.js';
import type { FastifyInstance } from 'fastify';
import { ENV } from '../env.js';
import type { Env } from '../env.js';
import { BROKER } from '../messaging/broker.js';
import type { Broker } from '../messaging/broker.js';
import { Database } from '../persistence/database.js';
import { HealthChecks } from './health-checks.js';
import { HealthController } from './health.controller.js';
import { registerHttpTelemetry, registerHttpTracing } from './http-tracing.js';
import { createLogger, flushLogs, JsonLogger } from './logger.js';
import type { JsonLines } from './logger.js';
import { MetricsController } from './metrics.controller.js';
import { Metrics } from './metrics.js';
import { flushSpans, startTracing } from './tracing.js';

/** Injection token of pino's logger, for what is too frequent for Nest's. */
const PINO = Symbol('millrace:pino');

/**
 * Logs, metrics, traces and health of one application. `app.useLogger(app.get(JsonLogger))` is left to the main
 * program. Expects ENV from a global module.
 */
@Global()
@Module({
  controllers: [HealthController, MetricsController],
  providers: [
    HealthChecks,
    Metrics,
    {
      provide: PINO,
      inject: [ENV],
      useFactory: async (env: Env) => {
        await startTracing(env);
        return createLogger(env);
      },
    },
    {
      provide: JsonLogger,
      inject: [PINO],
      useFactory: (logger: JsonLines) => new JsonLogger(logger),
    },
  ],
  exports: [HealthChecks, Metrics, JsonLogger],
})
export class ObservabilityModule implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(PINO) private readonly logger: JsonLines,
    private readonly metrics: Metrics,
    private readonly health: HealthChecks,
    private readonly adapterHost: HttpAdapterHost,
    private readonly modules: ModuleRef,
  ) {}

  /** Before the routes exist, so that the hooks hold for all of them. */
  onModuleInit(): void {
    // A process without the role api has no adapter, whatever Nest's type says.
    const adapter = this.adapterHost.httpAdapter as AbstractHttpAdapter | undefined;
    if (adapter?.getType() !== 'fastify') return;
    const fastify = adapter.getInstance<FastifyInstance>();
    registerHttpTracing(fastify);
    registerHttpTelemetry(fastify, this.metrics, this.logger);
  }

  onApplicationBootstrap(): void {
    const database = this.#find(Database);
    if (database) {
      const check = async () => ({ up: (await database.query('select 1')).length === 1 });
      this.health.register('postgres', check, { critical: true });
    }
    const broker = this.#find<Broker>(BROKER);
    // While it is away the outbox keeps what is to be sent, so requests are still welcome.
    if (broker) this.health.register('broker', () => broker.state(), { critical: false });
  }

  /** The first step of Nest's shutdown; whoever has something to do before it calls `drain` earlier. */
  onModuleDestroy(): void {
    this.health.drain();
  }

  /** An application put together without the part, as in tests and single-purpose processes, has no check of it. */
  #find<T>(token: InjectionToken<T>): T | undefined {
    try {
      return this.modules.get<T>(token, { strict: false });
    } catch (error) {
      if (error instanceof UnknownElementException) return undefined;
      throw error;
    }
  }
}

/** Sends spans and writes out logs: the last step of a shutdown. Takes at most 4 s and never throws. */
export async function flushTelemetry(): Promise<void> {
  await flushSpans();
  await flushLogs();
}

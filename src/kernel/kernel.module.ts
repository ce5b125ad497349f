import {
  type DynamicModule,
  Global,
  Inject,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { Clock } from './clock.js';
import { Mediator } from './cqrs/mediator.js';
import { DeadLetterCollector } from './dead-letters/dead-letter-collector.js';
import { DeadLetterMetrics } from './dead-letters/dead-letter.metrics.js';
import { DeadLetterStore } from './dead-letters/dead-letter.store.js';
import { DeadLettersController } from './dead-letters/dead-letters.controller.js';
import { DeadLetters } from './dead-letters/dead-letters.js';
import { Redrive } from './dead-letters/redrive.js';
import { ENV, type Env } from './env.js';
import { Housekeeping } from './housekeeping.js';
import { HttpModule } from './http/http.module.js';
import { Ids } from './ids.js';
import { Inbox } from './inbox/inbox.js';
import { BROKER, type Broker } from './messaging/broker.js';
import { MessageBatches } from './messaging/message-batches.js';
import { MessageClient } from './messaging/message-client.js';
import { MessageInvoker } from './messaging/message-invoker.js';
import { MessageJudge } from './messaging/message-judge.js';
import { MessagePipeline } from './messaging/message-pipeline.js';
import { MessageScopes } from './messaging/message-scopes.js';
import { MessageServer } from './messaging/message-server.js';
import { MessageSettler } from './messaging/message-settler.js';
import { MessageMetrics } from './messaging/message.metrics.js';
import { PostgresBroker } from './messaging/postgres/postgres-broker.js';
import { RabbitMqBroker } from './messaging/rabbitmq/rabbitmq-broker.js';
import { flushTelemetry, ObservabilityModule } from './observability/observability.module.js';
import { DelayedPromoter } from './outbox/delayed-promoter.js';
import { OutboxRelay } from './outbox/outbox-relay.js';
import { OutboxWakeUp } from './outbox/outbox-wake-up.js';
import { Outbox } from './outbox/outbox.js';
import { OutboxMetrics } from './outbox/outbox.metrics.js';
import { OutboxStore } from './outbox/outbox.store.js';
import { ShardLeases } from './outbox/shard-leases.js';
import { createDataSource } from './persistence/data-source.js';
import { Database } from './persistence/database.js';
import { Recycling } from './recycling.js';
import { RedisConnection } from './redis/redis-connection.js';
import { SharedSets } from './redis/shared-sets.js';
import { Signals } from './redis/signals.js';
import { UnitOfWork } from './persistence/unit-of-work.js';

const SERVICES = [
  Clock,
  Database,
  Ids,
  Inbox,
  Mediator,
  MessageClient,
  MessageServer,
  Outbox,
  OutboxRelay,
  Recycling,
  SharedSets,
  Signals,
  UnitOfWork,
];

/** What every module stands on. Global: a module asks for kernel classes without importing this one. */
@Global()
@Module({})
export class KernelModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(BROKER) private readonly broker: Broker,
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
    private readonly relay: OutboxRelay,
    private readonly wakeUp: OutboxWakeUp,
    private readonly promoter: DelayedPromoter,
    private readonly housekeeping: Housekeeping,
    private readonly letters: DeadLetterCollector,
    private readonly signals: Signals,
    private readonly redis: RedisConnection,
  ) {}

  static for(env: Env): DynamicModule {
    return {
      module: KernelModule,
      imports: [DiscoveryModule, HttpModule, ObservabilityModule],
      controllers: [DeadLettersController],
      providers: [
        ...SERVICES,
        { provide: ENV, useValue: env },
        { provide: DataSource, useFactory: () => connectedDataSource(env) },
        { provide: BROKER, useFactory: () => createBroker(env) },
        DeadLetterCollector,
        DeadLetterMetrics,
        DeadLetterStore,
        DeadLetters,
        DelayedPromoter,
        Housekeeping,
        MessageBatches,
        MessageInvoker,
        MessageJudge,
        MessageMetrics,
        MessagePipeline,
        MessageScopes,
        MessageSettler,
        OutboxMetrics,
        OutboxStore,
        OutboxWakeUp,
        Redrive,
        RedisConnection,
        ShardLeases,
      ],
      exports: [...SERVICES, ENV, DataSource, BROKER, DiscoveryModule],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    const { ROLES: roles } = this.env;
    this.wakeUp.announce();
    if (roles.includes('relay')) {
      this.outbox.signals.on('appended', () => {
        this.relay.wake();
      });
      await this.wakeUp.listen(() => {
        this.relay.wake();
      });
      this.relay.start();
    }
    if (roles.includes('scheduler')) {
      this.promoter.start();
      this.housekeeping.start();
    }
  }

  /** The last of all: by now no request, message or task is at work, so the connections can go, users first. */
  async onApplicationShutdown(): Promise<void> {
    await this.letters.stop();
    await this.housekeeping.stop();
    await this.promoter.stop();
    await this.wakeUp.stop();
    if (this.env.ROLES.includes('relay')) await this.relay.stop();
    await this.signals.stop();
    await this.redis.close();
    await this.broker.close();
    await this.dataSource.destroy();
    await flushTelemetry();
  }
}

function connectedDataSource(env: Env): Promise<DataSource> {
  const options = { url: env.DATABASE_URL, poolSize: env.DATABASE_POOL_SIZE };
  return createDataSource(options).initialize();
}

function createBroker(env: Env): Broker {
  const logger = new Logger('Broker');
  if (env.AMQP_URL !== undefined) return new RabbitMqBroker({ url: env.AMQP_URL, logger });
  return new PostgresBroker({ databaseUrl: env.DATABASE_URL, logger });
}

import { type DynamicModule, Global, Injectable, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { Clock } from '../../clock.js';
import { Mediator } from '../../cqrs/mediator.js';
import { ENV, type Env } from '../../env.js';
import { HttpModule } from '../../http/http.module.js';
import { Ids } from '../../ids.js';
import { Inbox } from '../../inbox/inbox.js';
import { ObservabilityModule } from '../../observability/observability.module.js';
import { Outbox } from '../../outbox/outbox.js';
import { Database } from '../../persistence/database.js';
import { UnitOfWork } from '../../persistence/unit-of-work.js';
import { BROKER, type Broker, type Delivery } from '../broker.js';
import { MessageBatches } from '../message-batches.js';
import { MessageClient } from '../message-client.js';
import { MessageInvoker } from '../message-invoker.js';
import { MessageJudge } from '../message-judge.js';
import { MessagePipeline } from '../message-pipeline.js';
import { MessageScopes } from '../message-scopes.js';
import { type Ended, MessageSettler, type Settled } from '../message-settler.js';
import { MessageMetrics } from '../message.metrics.js';
import {
  InMemoryDatabase,
  InMemoryInbox,
  InMemoryOutbox,
  InMemoryUnitOfWork,
  nowhere,
  VirtualClock,
} from './in-memory.js';

/** The real last step, which also keeps how each delivery ended. */
@Injectable()
export class WatchedSettler extends MessageSettler {
  readonly #ended = new WeakMap<Delivery, Ended>();

  override settle(ended: Ended): Promise<Settled> {
    this.#ended.set(ended.arrival.delivery, ended);
    return super.settle(ended);
  }

  endOf(delivery: Delivery): Ended | undefined {
    return this.#ended.get(delivery);
  }
}

/** All that is asked of a broker here: the tester itself brings the messages to the pipeline. */
function noBroker(outbox: InMemoryOutbox): Pick<Broker, 'publish' | 'openReplies' | 'state'> {
  return {
    publish: async (messages) => messages.map((message) => outbox.sentAtOnce(message)),
    openReplies: () =>
      Promise.reject(new Error('Nobody replies here; ask with MessageTester.send')),
    state: () => ({ up: true }),
  };
}

/** The kernel as message controllers know it. Only what would be kept in Postgres or RabbitMQ is kept in memory. */
@Global()
@Module({})
export class TestingModule {
  static for(env: Env): DynamicModule {
    const providers = [
      Ids,
      Mediator,
      MessageBatches,
      MessageClient,
      MessageInvoker,
      MessageJudge,
      MessageMetrics,
      MessagePipeline,
      MessageScopes,
      { provide: BROKER, inject: [Outbox], useFactory: noBroker },
      { provide: Clock, useClass: VirtualClock },
      { provide: Database, useClass: InMemoryDatabase },
      { provide: DataSource, useValue: nowhere },
      { provide: ENV, useValue: env },
      { provide: Inbox, useClass: InMemoryInbox },
      { provide: MessageSettler, useClass: WatchedSettler },
      { provide: Outbox, useClass: InMemoryOutbox },
      { provide: UnitOfWork, useClass: InMemoryUnitOfWork },
    ];
    return {
      module: TestingModule,
      imports: [DiscoveryModule, HttpModule, ObservabilityModule],
      providers,
      exports: [...providers, DiscoveryModule],
    };
  }
}

import {
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../kernel/env.js';
import { ChangeProviderHandler } from './commands/change-provider.js';
import { ClaimMessagesHandler } from './commands/claim-messages.js';
import { CreateMessagesHandler } from './commands/create-messages.js';
import { EnterCallHandler } from './commands/enter-call.js';
import { ExpireWaitingHandler } from './commands/expire-waiting.js';
import { FinishMessageHandler } from './commands/finish-message.js';
import { FoldUsageHandler } from './commands/fold-usage.js';
import { PurgeMessagesHandler } from './commands/purge-messages.js';
import { RecoverMessagesHandler } from './commands/recover-messages.js';
import { ReleaseUnknownHandler } from './commands/release-unknown.js';
import { SeedProviders, SeedProvidersHandler } from './commands/seed-providers.js';
import { DispatchRepository } from './dispatch.repository.js';
import { Admission } from './dispatch/admission.js';
import { DispatcherLease } from './dispatch/dispatcher-lease.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { MessageReaper } from './dispatch/message-reaper.js';
import { ProviderCalls } from './dispatch/provider-calls.js';
import { ProviderCircuits } from './dispatch/provider-circuits.js';
import { ProviderClient } from './dispatch/provider-client.js';
import { ProviderMetrics } from './dispatch/provider.metrics.js';
import { Purse } from './dispatch/purse.js';
import { Router } from './dispatch/router.js';
import { DispatcherRepository } from './dispatcher.repository.js';
import { ProviderMessage } from './kinds/provider-message.js';
import { MessageRunsController } from './message-runs.controller.js';
import { MessageRepository } from './message.repository.js';
import { MESSAGE_RUNS } from './message.runs.js';
import { MessagesController } from './messages.controller.js';
import { PreferWait } from './prefer-wait.js';
import { ProviderUsageController } from './provider-usage.controller.js';
import { ProviderRepository } from './provider.repository.js';
import { ProvidersController } from './providers.controller.js';
import { GetMessageHandler, GetMessagesHandler } from './queries/get-message.js';
import { ListMessagesHandler } from './queries/list-messages.js';
import { GetProviderHandler, ListProvidersHandler } from './queries/list-providers.js';
import { MessageWatch } from './queries/message-watch.js';
import { ProviderDirectory } from './queries/provider-directory.js';
import { GetUsageHandler } from './queries/usage.js';
import { Database } from '../kernel/persistence/database.js';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import { CallHistory } from './queries/call-history.js';
import { QuotaGates } from './dispatch/quota-gates.js';
import { BudgetRepository } from './quota/budget.repository.js';
import { Budgets } from './quota/budgets.js';
import { QuotaStore } from './quota/quota-store.js';
import { QuotaRepository } from './quota/quota.repository.js';
import { RedisQuotaStore } from './quota/redis-quota-store.js';
import { UsageRepository } from './usage.repository.js';

@Module({
  controllers: [
    MessagesController,
    MessageRunsController,
    ProviderUsageController,
    ProvidersController,
  ],
  providers: [
    Admission,
    BudgetRepository,
    Budgets,
    CallHistory,
    ChangeProviderHandler,
    ClaimMessagesHandler,
    CreateMessagesHandler,
    Dispatcher,
    DispatcherLease,
    DispatcherRepository,
    DispatchRepository,
    EnterCallHandler,
    ExpireWaitingHandler,
    FinishMessageHandler,
    FoldUsageHandler,
    GetMessageHandler,
    GetMessagesHandler,
    GetProviderHandler,
    GetUsageHandler,
    ListMessagesHandler,
    ListProvidersHandler,
    MessageReaper,
    MessageRepository,
    MessageWatch,
    PreferWait,
    ProviderCalls,
    ProviderCircuits,
    ProviderClient,
    ProviderDirectory,
    ProviderMessage,
    ProviderMetrics,
    ProviderRepository,
    PurgeMessagesHandler,
    Purse,
    QuotaGates,
    { provide: QuotaStore, useFactory: quotaStore, inject: [ENV, Database, UnitOfWork] },
    RecoverMessagesHandler,
    ReleaseUnknownHandler,
    Router,
    SeedProvidersHandler,
    UsageRepository,
  ],
})
export class ProvidersModule
  implements OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown
{
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly mediator: Mediator,
    private readonly directory: ProviderDirectory,
    private readonly dispatcher: Dispatcher,
    private readonly gates: QuotaGates,
    private readonly reaper: MessageReaper,
    private readonly store: QuotaStore,
    private readonly watch: MessageWatch,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.mediator.execute(new SeedProviders());
    await this.directory.start();
    this.watch.start();
    if (this.env.ROLES.includes('scheduler')) this.reaper.start();
    if (this.#dispatches) await this.dispatcher.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.watch.stop();
    await this.reaper.stop();
    if (this.#dispatches) await this.dispatcher.stop();
    await this.directory.stop();
    await this.gates.close();
  }

  onApplicationShutdown(): void {
    if (this.store instanceof RedisQuotaStore) this.store.close();
  }

  get #dispatches(): boolean {
    const { ROLES: roles, SCOPES: scopes } = this.env;
    const isServed = scopes.includes('all') || scopes.includes(MESSAGE_RUNS);
    return roles.includes('worker') && isServed;
  }
}

/** Redis where there is one; else the same books in Postgres. */
function quotaStore(env: Env, database: Database, unitOfWork: UnitOfWork): QuotaStore {
  if (env.REDIS_URL !== undefined) return new RedisQuotaStore(env.REDIS_URL);
  return new QuotaRepository(database, unitOfWork);
}

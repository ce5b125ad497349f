import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DEVELOPER } from '../../kernel/access/caller.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../../kernel/env.js';
import { PublishesEvents } from '../../kernel/messaging/event-contracts.js';
import { BetDesk } from './bet-desk.js';
import { BET_EVENT_CONTRACTS } from './bet.messages.js';
import { BetMetrics } from './bet.metrics.js';
import { BetRepository } from './bet.repository.js';
import { BetsController } from './bets.controller.js';
import {
  ApplyLineHandler,
  CompleteSnapshotHandler,
  HearHeartbeatHandler,
  TakeSnapshotTurnHandler,
} from './commands/apply-line.js';
import { DepositMoneyHandler, OpenWallet, OpenWalletHandler } from './commands/deposit-money.js';
import { PlaceBetsHandler } from './commands/place-bets.js';
import { ResumeSettlementsHandler, SettleBetsHandler } from './commands/settle-bets.js';
import { EventsController } from './events.controller.js';
import { FeedRepository } from './line/feed.repository.js';
import { LineKeeper } from './line/line-keeper.js';
import { LineController } from './line/line.controller.js';
import { LineRepository } from './line/line.repository.js';
import { GetBetHandler, ListBetsHandler } from './queries/bets.js';
import { IsLineKnownHandler, ListEventsHandler, ListSettlementsHandler } from './queries/events.js';
import { GetExposureHandler } from './queries/exposure.js';
import { GetWalletHandler, ListWalletEntriesHandler } from './queries/wallets.js';
import { SettlementRepository } from './settlement.repository.js';
import { SettlementRun } from './settlement-run.js';
import { SettlementsController } from './settlements.controller.js';
import { NotificationRepository } from './updates/notification.repository.js';
import { Subscriptions } from './updates/subscriptions.repository.js';
import { UpdateKeeper } from './updates/update-keeper.js';
import { UpdateStreams } from './updates/update-streams.js';
import { UpdatesController } from './updates/updates.controller.js';
import { WalletController } from './wallet/wallet.controller.js';
import { WalletRepository } from './wallet/wallet.repository.js';

@Module({
  controllers: [
    BetsController,
    EventsController,
    LineController,
    SettlementsController,
    UpdatesController,
    WalletController,
  ],
  providers: [
    ApplyLineHandler,
    BetDesk,
    BetMetrics,
    BetRepository,
    CompleteSnapshotHandler,
    DepositMoneyHandler,
    FeedRepository,
    GetBetHandler,
    GetExposureHandler,
    GetWalletHandler,
    HearHeartbeatHandler,
    IsLineKnownHandler,
    LineKeeper,
    LineRepository,
    ListBetsHandler,
    ListEventsHandler,
    ListSettlementsHandler,
    ListWalletEntriesHandler,
    NotificationRepository,
    OpenWalletHandler,
    PlaceBetsHandler,
    ResumeSettlementsHandler,
    SettleBetsHandler,
    SettlementRepository,
    SettlementRun,
    Subscriptions,
    TakeSnapshotTurnHandler,
    UpdateKeeper,
    UpdateStreams,
    WalletRepository,
  ],
})
@PublishesEvents(...BET_EVENT_CONTRACTS)
export class BetMakerModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly mediator: Mediator,
    private readonly line: LineKeeper,
    private readonly streams: UpdateStreams,
    private readonly keeper: UpdateKeeper,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (this.env.AUTH_MODE === 'open') {
      const amount = BigInt(this.env.BETS_OPENING_BALANCE_MINOR);
      await this.mediator.execute(new OpenWallet({ ownerId: DEVELOPER.id, amount }));
    }
    this.streams.start();
    if (this.env.ROLES.includes('worker')) this.line.start();
    if (this.env.ROLES.includes('scheduler')) this.keeper.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.streams.stop();
    await this.line.stop();
    await this.keeper.stop();
  }
}

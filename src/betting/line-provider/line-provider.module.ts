import { Inject, Module, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ENV, type Env } from '../../kernel/env.js';
import { PublishesEvents } from '../../kernel/messaging/event-contracts.js';
import { ChangeEventsHandler } from './commands/change-events.js';
import { CloseDueEventsHandler } from './commands/close-due-events.js';
import { CreateEventsHandler } from './commands/create-events.js';
import { SendHeartbeatHandler } from './commands/send-heartbeat.js';
import { FeedController } from './feed.controller.js';
import { FeedRepository } from './feed.repository.js';
import { LineEventRepository } from './line-event.repository.js';
import { LineEventsController } from './line-events.controller.js';
import { LINE_EVENT_CONTRACTS } from './line-provider.contracts.js';
import { LineScheduler } from './line-scheduler.js';
import { GetEventHandler } from './queries/get-event.js';
import { TakeSnapshotHandler } from './queries/take-snapshot.js';

@Module({
  controllers: [FeedController, LineEventsController],
  providers: [
    ChangeEventsHandler,
    CloseDueEventsHandler,
    CreateEventsHandler,
    FeedRepository,
    GetEventHandler,
    LineEventRepository,
    LineScheduler,
    SendHeartbeatHandler,
    TakeSnapshotHandler,
  ],
})
@PublishesEvents(...LINE_EVENT_CONTRACTS)
export class LineProviderModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly scheduler: LineScheduler,
  ) {}

  onApplicationBootstrap(): void {
    if (this.env.ROLES.includes('scheduler')) this.scheduler.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.scheduler.stop();
  }
}

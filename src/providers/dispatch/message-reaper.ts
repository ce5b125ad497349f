import { Inject, Injectable, Logger } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Loop } from '../../kernel/loop.js';
import { ExpireWaiting } from '../commands/expire-waiting.js';
import { FoldUsage } from '../commands/fold-usage.js';
import { PurgeMessages } from '../commands/purge-messages.js';
import { RecoverMessages } from '../commands/recover-messages.js';
import { DispatcherRepository } from '../dispatcher.repository.js';
import { ProviderMetrics } from './provider.metrics.js';

const BATCH = 500;
const PURGE_BATCH = 5_000;

/**
 * Sets right what crashes leave behind, in processes with role `scheduler` (any number of them): messages of dead
 * dispatchers, messages that have waited long enough, usage that is not folded yet, and what is past its retention.
 */
@Injectable()
export class MessageReaper {
  readonly #logger = new Logger(MessageReaper.name);
  readonly #loops = [
    new Loop({ name: 'MessageRecovery', idleMs: 2_000 }, () => this.#recover()),
    new Loop({ name: 'MessageExpiry', idleMs: 250 }, () => this.#expire()),
    new Loop({ name: 'ProviderUsage', idleMs: 1_000 }, () => this.#fold()),
    new Loop({ name: 'MessageRetention', idleMs: 60_000 }, () => this.#purge()),
  ];

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly mediator: Mediator,
    private readonly dispatchers: DispatcherRepository,
    private readonly metrics: ProviderMetrics,
  ) {}

  start(): void {
    for (const loop of this.#loops) loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  async #recover(): Promise<number> {
    const dead = await this.dispatchers.declareDead();
    if (dead.length === 0) return 0;
    const recovered = await this.mediator.execute(new RecoverMessages(dead, BATCH));
    if (recovered > 0)
      this.#logger.warn({ messages: recovered }, 'Recovered messages of dead dispatchers');
    return recovered;
  }

  #expire(): Promise<number> {
    return this.mediator.execute(new ExpireWaiting(BATCH));
  }

  async #fold(): Promise<number> {
    const excess = await this.mediator.execute(new FoldUsage());
    if (excess > 0) this.metrics.paidExcess.inc(excess);
    return 0;
  }

  #purge(): Promise<number> {
    return this.mediator.execute(new PurgeMessages(this.env.PROVIDERS_RETENTION_DAYS, PURGE_BATCH));
  }
}

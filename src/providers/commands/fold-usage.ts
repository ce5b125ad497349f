import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { ProviderDirectory } from '../queries/provider-directory.js';
import { UsageRepository } from '../usage.repository.js';

/**
 * Adds the usage that was noted since to its minutes and epochs, and closes epochs that have ended. Answers how many
 * paid calls were found to be above the least possible: they were made in epochs that ended with free calls left.
 */
export class FoldUsage extends Command<number> {}

@Handles(FoldUsage)
export class FoldUsageHandler implements Handler<FoldUsage> {
  constructor(
    private readonly clock: Clock,
    private readonly directory: ProviderDirectory,
    private readonly usage: UsageRepository,
  ) {}

  async execute(): Promise<number> {
    await this.usage.note(this.#notes());
    await this.usage.fold();
    return this.usage.closeEpochs();
  }

  #notes() {
    const free = this.directory.find('free');
    const state = this.directory.stateOf('free');
    if (!free || !state || state.phase === 'unknown') return [];
    const blockedUntil = state.until === null ? null : new Date(state.until);
    const epoch =
      free.model === 'n_then_block'
        ? state.epoch
        : Math.floor(this.clock.now().getTime() / free.periodMs);
    return [{ epoch, capacity: free.limit ?? 0, blockedUntil }];
  }
}

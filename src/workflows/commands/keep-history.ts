import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { DEFAULT_PARTITION } from '../history-partitions.js';
import { HistoryRepository } from '../history.repository.js';

/** Makes the next partition of the history that is missing in the coming days. Answers how many it has made. */
export class PrepareHistory extends Command<number> {
  constructor(readonly days: number) {
    super();
  }
}

@Handles(PrepareHistory)
export class PrepareHistoryHandler implements Handler<PrepareHistory> {
  constructor(
    private readonly clock: Clock,
    private readonly history: HistoryRepository,
  ) {}

  async execute({ days }: PrepareHistory): Promise<number> {
    for (const day of await this.history.missing(this.clock.now(), days))
      if (await this.history.create(day)) return 1;
    return 0;
  }
}

const DAY_MS = 86_400_000;

/**
 * Drops a partition whose instances are all gone. Where some are left after twice the time, deletes the rows of the
 * others, at most `limit`. Answers how much it did.
 */
export class DropHistory extends Command<number> {
  constructor(
    readonly retentionDays: number,
    readonly limit: number,
  ) {
    super();
  }
}

@Handles(DropHistory)
export class DropHistoryHandler implements Handler<DropHistory> {
  constructor(
    private readonly clock: Clock,
    private readonly history: HistoryRepository,
  ) {}

  async execute({ retentionDays, limit }: DropHistory): Promise<number> {
    const now = this.clock.now().getTime();
    const bound = (days: number): Date => new Date(now - days * DAY_MS);
    for (const name of await this.history.endedBefore(bound(retentionDays)))
      if (await this.history.dropIfUnused(name)) return 1;
    const held = await this.history.endedBefore(bound(2 * retentionDays));
    for (const name of [...held, DEFAULT_PARTITION]) {
      const swept = await this.history.sweep(name, limit);
      if (swept > 0) return swept;
    }
    return 0;
  }
}

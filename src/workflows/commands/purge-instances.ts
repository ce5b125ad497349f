import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { BatchRepository } from '../batch.repository.js';
import { InstanceRetention } from '../retention.repository.js';

const DAY_MS = 86_400_000;

export interface Purged {
  readonly deleted: number;
  /** Go on behind this one; null: there is none that is old enough behind. */
  readonly last: string | null;
}

/** Deletes instances that ended more than `days` days ago, of the next `limit` ones behind `after`, with their user tasks. */
export class PurgeInstances extends Command<Purged> {
  constructor(
    readonly days: number,
    readonly after: string | null,
    readonly limit: number,
  ) {
    super();
  }
}

@Handles(PurgeInstances)
export class PurgeInstancesHandler implements Handler<PurgeInstances> {
  constructor(
    private readonly clock: Clock,
    private readonly batches: BatchRepository,
    private readonly retention: InstanceRetention,
  ) {}

  async execute({ days, after, limit }: PurgeInstances): Promise<Purged> {
    const before = new Date(this.clock.now().getTime() - days * DAY_MS);
    if (after === null) await this.batches.purge(before);
    return this.retention.purge({ before, after, limit });
  }
}

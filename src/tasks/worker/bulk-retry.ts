import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { RetryTasks } from '../commands/retry-tasks.js';
import { CountTasks } from '../queries/count-tasks.js';
import type { BulkRetryAnswer, BulkRetryRequest } from '../tasks.dto.js';

const BATCH = 1_000;

/**
 * Retries what a filter matches, a thousand tasks per transaction. A process that dies in between leaves whole
 * batches behind: the same request then goes on with the rest, because what was retried matches no longer.
 */
@Injectable()
export class BulkRetry {
  constructor(private readonly mediator: Mediator) {}

  async run({ filter, limit, dry_run: dryRun }: BulkRetryRequest): Promise<BulkRetryAnswer> {
    const matched = await this.mediator.ask(new CountTasks(filter));
    if (dryRun) return { matched, dry_run: true };
    let retried = 0;
    let after: string | undefined;
    while (retried < limit) {
      const size = Math.min(BATCH, limit - retried);
      const batch = await this.mediator.execute(new RetryTasks({ filter, after, limit: size }));
      retried += batch.retried;
      after = batch.last;
      if (batch.retried < size) break;
    }
    return { matched, retried, remaining: Math.max(0, matched - retried) };
  }
}

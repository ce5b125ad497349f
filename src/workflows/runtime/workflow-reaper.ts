import { Inject, Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Loop } from '../../kernel/loop.js';
import { FoldHeat } from '../commands/fold-heat.js';
import { DropHistory, PrepareHistory } from '../commands/keep-history.js';
import { PurgeInstances } from '../commands/purge-instances.js';

const AHEAD_DAYS = 8;
const AT_ONCE = 1_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/**
 * Keeps what grows within bounds, in processes with role `scheduler` (any number of them): counts that are to be added
 * up, partitions for the days to come, and what is past its retention.
 */
@Injectable()
export class WorkflowReaper {
  readonly #loops = [
    new Loop({ name: 'WorkflowHeat', idleMs: 1_000 }, () => this.#fold()),
    new Loop({ name: 'WorkflowPartitions', idleMs: HOUR_MS, retryMs: 1_000 }, () =>
      this.mediator.execute(new PrepareHistory(AHEAD_DAYS)),
    ),
    new Loop({ name: 'WorkflowRetention', idleMs: MINUTE_MS }, () => this.#purge()),
  ];
  /** Where the walk over the instances is. */
  #last: string | null = null;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly mediator: Mediator,
  ) {}

  start(): void {
    for (const loop of this.#loops) loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  async #fold(): Promise<number> {
    await this.mediator.execute(new FoldHeat());
    return 0;
  }

  /** Rests once the walk is through and nothing was there to drop. */
  async #purge(): Promise<number> {
    const { WORKFLOWS_RETENTION_DAYS: days } = this.env;
    const { last } = await this.mediator.execute(new PurgeInstances(days, this.#last, AT_ONCE));
    this.#last = last;
    if (last !== null) return 1;
    return this.mediator.execute(new DropHistory(days, AT_ONCE));
  }
}

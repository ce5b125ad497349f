import { Inject, Injectable, Logger } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Loop } from '../../kernel/loop.js';
import { BROKER, type Broker } from '../../kernel/messaging/broker.js';
import { DELAYS } from '../../kernel/messaging/settlement.js';
import { PurgeTasks } from '../commands/purge-tasks.js';
import { RecoverTasks } from '../commands/recover-tasks.js';
import { RedispatchTasks } from '../commands/redispatch-tasks.js';
import { TaskCounts } from '../queries/task-counts.js';
import { ASIDE, runQueues, TASKS_PER_RUN_MESSAGE } from '../task.messages.js';
import { WorkerRepository } from '../worker.repository.js';

const RECOVER_BATCH = 500;
const REDISPATCH_BATCH = 5_000;
const PURGE_BATCH = 5_000;
const REDISPATCH_EVERY_MS = 5_000;
const PURGE_EVERY_MS = 60_000;

/**
 * Sets right what crashes leave behind, in processes with role `scheduler` (any number of them): tasks of dead
 * workers, tasks whose message the broker lost, and tasks past their retention.
 */
@Injectable()
export class TaskReaper {
  readonly #logger = new Logger(TaskReaper.name);
  readonly #loops = [
    new Loop({ name: 'TaskRecovery', idleMs: 2_000 }, () => this.#recover()),
    new Loop({ name: 'TaskRedispatch', idleMs: REDISPATCH_EVERY_MS }, () => this.#redispatch()),
    new Loop({ name: 'TaskCounting', idleMs: 1_000 }, () => this.#fold()),
    new Loop({ name: 'TaskRetention', idleMs: PURGE_EVERY_MS }, () => this.#purge()),
  ];

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(BROKER) private readonly broker: Broker,
    private readonly mediator: Mediator,
    private readonly workers: WorkerRepository,
    private readonly counts: TaskCounts,
  ) {}

  start(): void {
    for (const loop of this.#loops) loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }

  async #recover(): Promise<number> {
    const recovered = await this.mediator.execute(new RecoverTasks(RECOVER_BATCH));
    if (recovered > 0) this.#logger.warn({ tasks: recovered }, 'Recovered tasks of dead workers');
    return recovered;
  }

  async #redispatch(): Promise<number> {
    if (!this.broker.state().up) return 0;
    const queued = (await this.#messages()) * TASKS_PER_RUN_MESSAGE;
    const asked = await this.mediator.execute(new RedispatchTasks(queued, REDISPATCH_BATCH));
    if (asked > 0)
      this.#logger.log({ tasks: asked }, 'Asked again for tasks that no queue seems to hold');
    // The new messages need time to arrive before the queues can be compared again.
    return 0;
  }

  /** Those that were put aside first, because they come back to their queues. */
  async #messages(): Promise<number> {
    const queues = runQueues(this.env);
    const aside = queues.map((queue) => this.broker.retrying(queue, DELAYS[ASIDE]));
    const counts = await Promise.all(aside);
    counts.push(...(await Promise.all(queues.map((queue) => this.broker.depth(queue)))));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async #fold(): Promise<number> {
    await this.counts.fold();
    return 0;
  }

  async #purge(): Promise<number> {
    await this.workers.purge();
    return this.mediator.execute(new PurgeTasks(this.env.TASKS_RETENTION_DAYS, PURGE_BATCH));
  }
}

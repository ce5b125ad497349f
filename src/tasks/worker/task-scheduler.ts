import { Injectable, Logger } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { Loop } from '../../kernel/loop.js';
import { RunDueSchedules } from '../commands/run-due-schedules.js';

const LOOK_MS = 250;
const BATCH = 500;

/** Turns due occurrences into tasks, in processes with role `scheduler` (any number of them). */
@Injectable()
export class TaskScheduler {
  readonly #logger = new Logger(TaskScheduler.name);
  readonly #loop = new Loop({ name: 'TaskScheduler', idleMs: LOOK_MS }, () => this.#round());

  constructor(private readonly mediator: Mediator) {}

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #round(): Promise<number> {
    const { advanced, failed } = await this.mediator.execute(new RunDueSchedules(BATCH));
    for (const { scheduleId, name, error } of failed) {
      this.#logger.warn(
        { schedule_id: scheduleId, name, code: error.code, reason: error.message },
        'A schedule could not create its task',
      );
    }
    return advanced;
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { ENV, type Env } from '../../kernel/env.js';
import { Loop } from '../../kernel/loop.js';
import { TaskCounts } from '../queries/task-counts.js';

const LOOK_MS = 500;

/** Knows, half a second late, whether so many tasks wait that no more should be taken. */
@Injectable()
export class TaskBacklog {
  readonly #loop = new Loop({ name: 'TaskBacklog', idleMs: LOOK_MS }, () => this.#look());
  #waiting = 0;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly counts: TaskCounts,
  ) {}

  get isFull(): boolean {
    return this.#waiting >= this.env.TASKS_MAX_BACKLOG;
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #look(): Promise<number> {
    this.#waiting = await this.counts.total('new');
    return 0;
  }
}

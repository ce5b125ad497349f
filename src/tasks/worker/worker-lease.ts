import { Injectable, Logger } from '@nestjs/common';
import { Ids } from '../../kernel/ids.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { Loop } from '../../kernel/loop.js';
import { HandBackUnknown } from '../commands/hand-back-unknown.js';
import { WorkerRepository } from '../worker.repository.js';
import type { TaskRun } from './task-run.js';

const BEAT_MS = 1_000;
const RENEW_MS = 4_000;

/**
 * This worker's sign of life: one row for all its runs instead of a write per task. Whoever lets it lapse for
 * 15 seconds loses its tasks; it then stops their runs and goes on under a new name.
 */
@Injectable()
export class WorkerLease {
  readonly #logger = new Logger(WorkerLease.name);
  readonly #loop = new Loop({ name: 'WorkerLease', idleMs: BEAT_MS }, () => this.#beat());
  #workerId: string;
  #runs: ReadonlyMap<string, TaskRun> = new Map();
  #claiming: ReadonlySet<string> = new Set();
  #renewedAt = 0;

  constructor(
    private readonly ids: Ids,
    private readonly workers: WorkerRepository,
    private readonly mediator: Mediator,
  ) {
    this.#workerId = ids.next();
  }

  get workerId(): string {
    return this.#workerId;
  }

  /** Both collections are read as they are at each beat: what runs, and what is being claimed. */
  async start(runs: ReadonlyMap<string, TaskRun>, claiming: ReadonlySet<string>): Promise<void> {
    this.#runs = runs;
    this.#claiming = claiming;
    await this.workers.register(this.#workerId);
    this.#renewedAt = performance.now();
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.workers.unregister(this.#workerId);
  }

  async #beat(): Promise<number> {
    if (performance.now() - this.#renewedAt > RENEW_MS) await this.#renew();
    const long = [...this.#runs.values()].filter(
      (run) => performance.now() - run.startedAt > BEAT_MS,
    );
    if (long.length === 0) return 0;
    const changed = long.filter((run) => run.progress !== run.savedProgress);
    if (changed.length > 0) await this.workers.saveProgress(this.#workerId, changed.map(attemptOf));
    for (const run of changed) run.savedProgress = run.progress;
    const lost = await this.workers.findLost(this.#workerId, long.map(attemptOf));
    for (const id of lost) this.#runs.get(id)?.abort('cancelled');
    return 0;
  }

  async #renew(): Promise<void> {
    if (!(await this.workers.renew(this.#workerId))) {
      this.#logger.error(
        { tasks: this.#runs.size },
        'This worker was silent too long and lost its tasks',
      );
      for (const run of this.#runs.values()) run.abort('lease-lost');
      this.#workerId = this.ids.next();
      await this.workers.register(this.#workerId);
    }
    this.#renewedAt = performance.now();
    const known = [...this.#runs.keys(), ...this.#claiming];
    const unknown = await this.mediator.execute(new HandBackUnknown(this.#workerId, known));
    if (unknown > 0) this.#logger.warn({ tasks: unknown }, 'Handed back tasks of lost claims');
  }
}

function attemptOf(run: TaskRun) {
  return { taskId: run.task.state.id, attempt: run.task.state.attempt, progress: run.progress };
}

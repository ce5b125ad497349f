import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../../kernel/env.js';
import { GiveBack, RetryLater } from '../../kernel/messaging/settlement.js';
import { Recycling } from '../../kernel/recycling.js';
import { continueTrace, runWithContext } from '../../kernel/observability/trace-context.js';
import { FinishAttempt } from '../commands/finish-attempt.js';
import { StartTask } from '../commands/start-task.js';
import type { Task } from '../domain/task.js';
import { runPrefetch } from '../task.messages.js';
import type { RunTaskRequest } from '../tasks.dto.js';
import { Slots } from './slots.js';
import { TaskKinds } from './task-kinds.js';
import { type RunEnd, TaskRun } from './task-run.js';
import { TaskMetrics } from './task.metrics.js';
import { WorkerLease } from './worker-lease.js';

const RECORD_RETRY_MS = 500;

/** Runs tasks in this process: claims them when a slot is free, runs their handlers, records how they ended. */
@Injectable()
export class TaskWorker {
  readonly #logger = new Logger('Tasks');
  readonly #slots: Slots;
  readonly #runs = new Map<string, TaskRun>();
  readonly #claiming = new Set<string>();
  readonly #taking = new Set<Promise<void>>();
  readonly #ended = new Set<Promise<void>>();
  #stopping = false;
  #isPastGrace = false;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly mediator: Mediator,
    private readonly kinds: TaskKinds,
    private readonly lease: WorkerLease,
    private readonly metrics: TaskMetrics,
    private readonly recycling: Recycling,
  ) {
    this.#slots = new Slots({
      capacity: env.TASKS_CONCURRENCY,
      limitOf: (kind) => kinds.get(kind)?.concurrency,
      mostWaiting: runPrefetch(env) / 2,
    });
    metrics.watchRunning(() => this.#runs.size);
  }

  start(): Promise<void> {
    return this.lease.start(this.#runs, this.#claiming);
  }

  /**
   * Runs the task if it is still to be run. Resolves as soon as it is claimed or somebody else has it, so that
   * the broker's message is settled long before a long task ends. Nothing is lost by a crash: unclaimed, the
   * message comes again; claimed, the reaper sees this worker's lease end. When only the answer to the claim is lost,
   * the lease finds a task that nobody here knows, and hands it back.
   *
   * Rejects with an uncounted `RetryLater` when the kind has its limit at work, and too many messages wait like this one:
   * those of other kinds would not come any more. `message` stands for the message that asks.
   */
  take(request: RunTaskRequest, message: object): Promise<void> {
    const taking = this.#take(request, message).finally(() => this.#taking.delete(taking));
    this.#taking.add(taking);
    return taking;
  }

  async #take({ task_id: taskId, kind, priority }: RunTaskRequest, message: object): Promise<void> {
    // As during a rolling update: another worker may know the kind, or this one after its own update.
    if (!this.kinds.get(kind)?.runner) throw new RetryLater('5s', `No handler for "${kind}" here`);
    if (this.#stopping) throw new GiveBack('The worker is shutting down');
    await this.#slots.acquire(kind, priority, message);
    if (this.#hasStopped()) {
      this.#slots.release(kind);
      throw new GiveBack('The worker is shutting down');
    }
    await this.#claim(taskId, kind);
  }

  #hasStopped(): boolean {
    return this.#stopping;
  }

  async #claim(taskId: string, kind: string): Promise<void> {
    const { workerId } = this.lease;
    let claimed: Task | undefined;
    this.#claiming.add(taskId);
    try {
      claimed = await this.mediator.execute(new StartTask(taskId, workerId));
    } finally {
      this.#claiming.delete(taskId);
      if (!claimed) this.#slots.release(kind);
    }
    if (!claimed) return;
    const ended = this.#run(claimed, workerId).finally(() => {
      this.#slots.release(kind);
      this.#ended.delete(ended);
    });
    this.#ended.add(ended);
  }

  /** Lets runs finish for the grace time, then stops and hands back what is left. Call when no more messages come. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#slots.cancelWaiting(new GiveBack('The worker is shutting down'));
    const inTime = await Promise.race([
      this.#drained(),
      delay(this.env.SHUTDOWN_GRACE_MS, false, { ref: false }),
    ]);
    this.#isPastGrace = true;
    if (!inTime) {
      this.#logger.warn(
        { tasks: this.#runs.size },
        'Handing tasks back at the end of the grace time',
      );
      for (const run of this.#runs.values()) run.abort('shutdown');
      await this.#drained();
    }
    await this.lease.stop();
  }

  /** A claim that is under way may still become a run, so both must come to their end. */
  async #drained(): Promise<true> {
    while (this.#taking.size + this.#ended.size > 0) {
      await Promise.allSettled([...this.#taking, ...this.#ended]);
    }
    return true;
  }

  async #run(task: Task, workerId: string): Promise<void> {
    const { state } = task;
    const trace = continueTrace(state.traceparent, state.correlationId);
    await runWithContext(trace, async () => {
      const runner = this.kinds.get(state.kind)?.runner;
      const about = { task_id: state.id, kind: state.kind, attempt: state.attempt };
      this.#logger.log(about, 'Task in progress');
      const run = new TaskRun(task, runner ?? missingRunner(state.kind), this.#logger);
      // A run before it was lost without our noticing, and from here on nobody else could stop it.
      this.#runs.get(state.id)?.abort('lease-lost');
      this.#runs.set(state.id, run);
      if (this.#isPastGrace) run.abort('shutdown');
      const end = await run.execute();
      await this.#record(run, end, workerId);
      // A lost run may end after its task was started again here.
      if (this.#runs.get(state.id) === run) this.#runs.delete(state.id);
    });
  }

  async #record(run: TaskRun, end: RunEnd, workerId: string): Promise<void> {
    const { id, kind, attempt } = run.task.state;
    const about = { task_id: id, kind, attempt, outcome: end.result.kind };
    if (end.leaked) {
      this.metrics.leaked.inc({ kind });
      this.#logger.error(
        about,
        'The handler ignored its abort signal and still runs; the process will recycle',
      );
      this.recycling.ask(`A handler of "${kind}" ignored its abort signal`);
    }
    const { result } = end;
    const recorded =
      result.kind !== 'void' && (await this.#save(new FinishAttempt(run.task, workerId, result)));
    this.metrics.finished.inc({ kind, outcome: recorded ? result.kind : 'void' });
    this.metrics.runSeconds.observe({ kind }, (performance.now() - run.startedAt) / 1_000);
    if (!recorded) this.#logger.warn(about, 'The task was no longer ours; its result is void');
    else if (result.kind === 'failure')
      this.#logger.warn(
        { ...about, code: result.code, reason: result.message },
        'Task attempt failed',
      );
    else this.#logger.log(about, result.kind === 'success' ? 'Task succeeded' : 'Task handed back');
  }

  /** While the database is away the result waits here, for as long as the lease lives. */
  async #save(command: FinishAttempt): Promise<boolean> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.mediator.execute(command);
      } catch (error) {
        if (command.workerId !== this.lease.workerId || this.#isPastGrace) return false;
        const about = { err: error, task_id: command.task.state.id };
        if (tries === 1) this.#logger.error(about, 'Could not record a result; trying on');
        await delay(RECORD_RETRY_MS);
      }
    }
  }
}

/** The message named a kind that is known here, the task itself has another: the row decides. */
function missingRunner(kind: string) {
  return {
    run: () => Promise.reject(new Error(`This worker has no handler for "${kind}"`)),
  };
}

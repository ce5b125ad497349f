import type { LoggerService } from '@nestjs/common';
import { Pause } from '../../pause.js';
import type { Consumption, Delivery } from '../broker.js';
import { seqOf } from './envelope.js';
import type { Job, JobStore, NewJob } from './job-store.js';
import { ActiveTurn } from './active-turn.js';
import { type Hold, PostgresDelivery } from './postgres-delivery.js';
import { Settler } from './settler.js';

export interface QueueConsumerOptions {
  readonly queue: string;
  readonly prefetch: number;
  readonly deliveryLimit: number;
  /** Only one process at a time is to serve the queue; how to reach the database where they take turns. */
  readonly inTurnsOn: string | undefined;
  /** The pause after an empty fetch doubles from the first to the second while nothing comes. */
  readonly minPauseMs: number;
  readonly maxPauseMs: number;
  readonly logger: Pick<LoggerService, 'warn' | 'error'>;
  readonly onDelivery: (delivery: Delivery) => void;
  /** A message was put into this queue: by a retry, or its dead letters. */
  readonly onReplaced: (queue: string) => void;
}

const MAX_FETCH = 500;
/** The pause after a failed fetch doubles up to this. */
const MAX_ERROR_PAUSE_MS = 5_000;

/** Fetches, hands out and keeps hold of the messages of one queue; at most `prefetch` are unsettled at any time. */
export class QueueConsumer implements Consumption {
  readonly #settler: Settler;
  readonly #held = new Set<string>();
  readonly #pause = new Pause();
  readonly #turn: ActiveTurn | undefined;
  /** Jobs fetched before the turn was lost, or before they were given back, are no longer ours. */
  #hold: Hold & { isLost: boolean };
  /** The turn is ours, but what the former holder left has not gone back yet. */
  #mustReclaim = false;
  #touching: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #woken = false;
  #failure: string | undefined = 'has not fetched yet';

  constructor(
    private readonly store: JobStore,
    private readonly options: QueueConsumerOptions,
  ) {
    this.#settler = new Settler(options.queue, store);
    this.#hold = this.#newHold();
    const { queue, logger, inTurnsOn: databaseUrl } = options;
    if (databaseUrl === undefined) return;
    this.#turn = new ActiveTurn({
      databaseUrl,
      queue,
      logger,
      onGained: () => {
        this.#mustReclaim = true;
        this.wake();
      },
      onLost: () => {
        this.#loseHold();
      },
    });
  }

  get queue(): string {
    return this.options.queue;
  }

  /** Why nothing is fetched though it should be; undefined when all is well. */
  get failure(): string | undefined {
    return this.#stopped ? undefined : this.#failure;
  }

  /** Stopped, and nothing is at hand. */
  get finished(): boolean {
    return this.#stopped && this.#held.size === 0;
  }

  /** Resolves after the first fetch; if it failed, more follow. */
  async start(): Promise<void> {
    this.#touching = setInterval(() => void this.#touch(), this.store.touchEveryMs);
    await this.#turn?.start();
    const first = this.#fetch();
    this.#running = first.then((fetched) => this.#run(fetched));
    await first;
  }

  wake(): void {
    this.#woken = true;
    this.#pause.end();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.wake();
    await this.#running;
    this.#stopTouchingNothing();
  }

  /** After `stop`: waits for settlements under way and gives back what nobody settled. */
  async close(): Promise<void> {
    await this.#settler.idle();
    clearInterval(this.#touching);
    this.#hold.isLost = true;
    await this.#giveBack([...this.#held]);
    await this.#turn?.stop();
  }

  async release(): Promise<void> {
    await this.stop();
    await this.close();
  }

  async #run(first: number | 'failed'): Promise<void> {
    const { minPauseMs, maxPauseMs } = this.options;
    let fetched = first;
    let pauseMs = minPauseMs;
    while (!this.#stopped) {
      if (this.#room <= 0) await this.#idle(maxPauseMs);
      else if (fetched === 0 || fetched === 'failed') {
        await this.#idle(pauseMs);
        const longest = fetched === 'failed' ? MAX_ERROR_PAUSE_MS : maxPauseMs;
        pauseMs = this.#woken ? minPauseMs : Math.min(longest, pauseMs * 2);
      } else pauseMs = minPauseMs;
      this.#woken = false;
      fetched = await this.#fetch();
    }
  }

  get #room(): number {
    return this.options.prefetch - this.#held.size;
  }

  /** The number of jobs that were fetched. */
  async #fetch(): Promise<number | 'failed'> {
    if (this.#room <= 0) return 0;
    if (this.#turn?.isOurs === false) {
      this.#failure = undefined; // it waits as it should
      return 0;
    }
    try {
      await this.#reclaim();
      const hold = this.#hold;
      const jobs = await this.store.fetch(this.queue, Math.min(this.#room, MAX_FETCH));
      this.#failure = undefined;
      await this.#dealOut(jobs, hold);
      return jobs.length;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (this.#failure !== message) {
        this.options.logger.warn(`Fetching from ${this.queue} failed: ${message}`);
      }
      this.#failure = message;
      return 'failed';
    }
  }

  async #dealOut(jobs: Job[], hold: Hold & { isLost: boolean }): Promise<void> {
    // When the turn went while we fetched, whoever has it now must not find our handlers beside its own.
    if (this.#stopped || hold.isLost) {
      await this.#giveBack(jobs.map(({ id }) => id));
      return;
    }
    jobs.sort((a, b) => seqOf(a.data) - seqOf(b.data)); // an UPDATE returns in any order
    for (const job of jobs) this.#held.add(job.id);
    for (const job of jobs) this.#receive(job);
  }

  #receive(job: Job): void {
    const delivery = new PostgresDelivery(this.queue, job, this.#hold);
    if (job.retryCount >= this.options.deliveryLimit) {
      const reason = `came back ${String(job.retryCount)} times unsettled: its consumers died`;
      delivery.deadLetter(reason).catch((error: unknown) => {
        this.options.logger.warn(`Burying a message of ${this.queue} failed: ${String(error)}`);
      });
      return;
    }
    try {
      this.options.onDelivery(delivery);
    } catch (error) {
      this.options.logger.error(`A consumer of ${this.queue} threw: ${String(error)}`);
      void this.#giveBack([job.id]);
    }
  }

  #newHold(): Hold & { isLost: boolean } {
    const hold: Hold & { isLost: boolean } = {
      isLost: false,
      settle: (id, replacement) =>
        hold.isLost ? Promise.reject(this.#tooLate()) : this.#settle(id, replacement),
    };
    return hold;
  }

  /** Whoever has the turn now gives them out again. */
  #loseHold(): void {
    this.#hold.isLost = true;
    this.#hold = this.#newHold();
    this.#held.clear();
    this.#stopTouchingNothing();
  }

  #tooLate(): Error {
    return new Error(`This delivery of ${this.queue} was given back and arrives again`);
  }

  /** What a former holder of the turn held goes back to its old place before anything newer is taken. */
  async #reclaim(): Promise<void> {
    if (!this.#mustReclaim) return;
    await this.store.releaseAll(this.queue);
    this.#mustReclaim = false;
  }

  async #settle(jobId: string, replacement?: NewJob): Promise<void> {
    try {
      await this.#settler.settle(jobId, replacement);
      if (replacement) this.options.onReplaced(replacement.queue);
    } finally {
      // Also after a failure: nobody touches the job from now on, so it comes back.
      this.#held.delete(jobId);
      this.#stopTouchingNothing();
      this.wake();
    }
  }

  async #touch(): Promise<void> {
    if (this.#held.size === 0) return;
    try {
      await this.store.touch(this.queue, [...this.#held]);
    } catch (error) {
      this.options.logger.warn(`Keeping messages of ${this.queue} failed: ${String(error)}`);
    }
  }

  /** A failure is no loss: nobody touches the jobs from now on, so they come back a little later. */
  async #giveBack(jobIds: string[]): Promise<void> {
    if (jobIds.length === 0) return;
    for (const id of jobIds) this.#held.delete(id);
    try {
      await this.store.release(this.queue, jobIds);
      this.options.onReplaced(this.queue);
    } catch (error) {
      this.options.logger.warn(`Giving back messages of ${this.queue} failed: ${String(error)}`);
    }
  }

  #stopTouchingNothing(): void {
    if (this.#stopped && this.#held.size === 0) clearInterval(this.#touching);
  }

  async #idle(ms: number): Promise<void> {
    if (!this.#woken && !this.#stopped) await this.#pause.wait(ms);
  }
}

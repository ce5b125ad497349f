import { Injectable, Logger } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { Loop } from '../../kernel/loop.js';
import { type LeaseRequest, LeaseTasks } from '../commands/lease-tasks.js';
import { SettleLease } from '../commands/settle-lease.js';
import { TooManyWaiting, UnknownExternalKind } from '../domain/task.errors.js';
import { type LeasedTask, LeaseRepository } from '../lease.repository.js';
import { TaskRepository } from '../task.repository.js';
import { TaskKinds } from './task-kinds.js';

const POLL_MS = 250;
const MAX_WAITING = 10_000;

interface Waiter {
  readonly request: LeaseRequest;
  /** Tasks are being leased for it, so its time may not end just now. */
  serving: boolean;
  ended: boolean;
  readonly end: (leased: LeasedTask[]) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Lets external workers wait for tasks. Nobody who waits holds a connection: one loop asks Postgres for all of
 * them, at once when this process makes a task for them, else every quarter of a second.
 */
@Injectable()
export class ExternalLeases {
  readonly #logger = new Logger(ExternalLeases.name);
  readonly #loop = new Loop({ name: 'ExternalLeases', idleMs: POLL_MS }, () => this.#serve());
  readonly #waiting = new Set<Waiter>();
  #stopped = false;

  constructor(
    private readonly mediator: Mediator,
    private readonly kinds: TaskKinds,
    private readonly leases: LeaseRepository,
    tasks: TaskRepository,
  ) {
    tasks.signals.on('external', () => {
      if (this.#waiting.size > 0) this.#loop.wake();
    });
  }

  /** Clients that wait here now. */
  get waiting(): number {
    return this.#waiting.size;
  }

  start(): void {
    this.#loop.start();
  }

  /** Sends everyone who waits away without a task. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop.stop();
    for (const waiter of [...this.#waiting]) waiter.end([]);
  }

  /**
   * Answers as soon as there is a task, at the latest after `waitMs`. Tasks that can no longer be given to the
   * client, because it is `gone`, are handed back. Throws `UnknownExternalKind`, `TooManyWaiting`.
   */
  async lease(request: LeaseRequest, waitMs: number, gone: AbortSignal): Promise<LeasedTask[]> {
    this.#check(request.kinds);
    const ready = await this.mediator.execute(new LeaseTasks(request));
    const waits = ready.length === 0 && waitMs > 0 && !gone.aborted && !this.#stopped;
    const leased = waits ? await this.#wait(request, waitMs, gone) : ready;
    if (gone.aborted) void this.#handBack(leased);
    else gone.addEventListener('abort', () => void this.#handBack(leased), { once: true });
    return leased;
  }

  #check(kinds: readonly string[]): void {
    const known = this.kinds.all.filter((kind) => !kind.runner).map(({ kind }) => kind);
    const wrong = kinds.flatMap((kind, index) => (known.includes(kind) ? [] : [index]));
    if (wrong.length > 0) throw new UnknownExternalKind(wrong, known);
  }

  async #wait(request: LeaseRequest, waitMs: number, gone: AbortSignal): Promise<LeasedTask[]> {
    if (this.#waiting.size >= MAX_WAITING) throw new TooManyWaiting(MAX_WAITING);
    const { promise, resolve, reject } = Promise.withResolvers<LeasedTask[]>();
    const waiter: Waiter = { request, serving: false, ended: false, end: resolve, fail: reject };
    const giveUp = () => {
      waiter.ended = true;
      if (!waiter.serving) resolve([]);
    };
    const timer = setTimeout(giveUp, waitMs);
    gone.addEventListener('abort', giveUp, { once: true });
    this.#waiting.add(waiter);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(waiter);
      clearTimeout(timer);
      gone.removeEventListener('abort', giveUp);
    }
  }

  async #serve(): Promise<number> {
    const waiters = [...this.#waiting];
    if (waiters.length === 0) return 0;
    const wanted = new Set(waiters.flatMap(({ request }) => request.kinds));
    const due = new Set(await this.leases.dueKinds([...wanted]));
    let served = 0;
    for (const waiter of waiters) {
      if (due.size === 0 || this.#loop.stopping) break;
      if (!waiter.ended && (await this.#serveOne(waiter, due))) served += 1;
    }
    return served;
  }

  /** Takes the kinds that turn out to be used up out of `due`. */
  async #serveOne(waiter: Waiter, due: Set<string>): Promise<boolean> {
    const kinds = waiter.request.kinds.filter((kind) => due.has(kind));
    if (kinds.length === 0) return false;
    waiter.serving = true;
    try {
      const leased = await this.mediator.execute(new LeaseTasks({ ...waiter.request, kinds }));
      if (leased.length < waiter.request.max) kinds.forEach((kind) => due.delete(kind));
      if (leased.length > 0 || waiter.ended) waiter.end(leased);
      return leased.length > 0;
    } catch (error) {
      waiter.fail(error);
      return false;
    } finally {
      waiter.serving = false;
    }
  }

  /** A lease that nobody knows of would end in time, but would count as a crash of its worker. */
  async #handBack(leased: readonly LeasedTask[]): Promise<void> {
    for (const { task, token } of leased) {
      const claim = { taskId: task.state.id, token };
      try {
        await this.mediator.execute(new SettleLease(claim, { kind: 'handed-back' }));
      } catch (error) {
        if (error instanceof DomainError && !error.passes) continue; // settled meanwhile: the client has read it after all
        this.#logger.warn({ err: error, task_id: claim.taskId }, 'Could not hand a task back');
      }
    }
  }
}

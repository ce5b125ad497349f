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
/** Tasks leased in one statement for waiters that ask for the same. */
const MAX_AT_ONCE = 200;

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
    const known = this.kinds.open.filter((kind) => !kind.runner).map(({ kind }) => kind);
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
    for (const group of groupsOf(waiters)) {
      if (this.#loop.stopping) break;
      served += await this.#serveGroup(group, due);
    }
    return served;
  }

  /**
   * Leases in one statement for all who ask for the same, in the order of their coming. Takes kinds that turn out
   * to be used up out of `due`. Answers how many got something.
   */
  async #serveGroup(group: readonly Waiter[], due: Set<string>): Promise<number> {
    const waiters = group.filter((waiter) => !waiter.ended);
    const [first] = waiters;
    const kinds = first?.request.kinds.filter((kind) => due.has(kind)) ?? [];
    if (!first || kinds.length === 0) return 0;
    const sum = waiters.reduce((total, { request }) => total + request.max, 0);
    const max = Math.min(sum, MAX_AT_ONCE);
    for (const waiter of waiters) waiter.serving = true;
    try {
      const leased = await this.mediator.execute(new LeaseTasks({ ...first.request, kinds, max }));
      if (leased.length < max) kinds.forEach((kind) => due.delete(kind));
      return this.#handOut(leased, waiters);
    } catch (error) {
      for (const waiter of waiters) waiter.fail(error);
      return 0;
    } finally {
      for (const waiter of waiters) waiter.serving = false;
    }
  }

  #handOut(leased: LeasedTask[], waiters: readonly Waiter[]): number {
    const left = [...leased];
    let served = 0;
    for (const waiter of waiters) {
      const share = waiter.ended ? [] : left.splice(0, waiter.request.max);
      if (share.length > 0) served += 1;
      if (share.length > 0 || waiter.ended) waiter.end(share);
    }
    void this.#handBack(left); // of those whose wait ended meanwhile
    return served;
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

function groupsOf(waiters: readonly Waiter[]): Waiter[][] {
  const groups = Map.groupBy(waiters, ({ request: { kinds, leaseMs } }) =>
    JSON.stringify([[...kinds].sort(), leaseMs]),
  );
  return [...groups.values()];
}

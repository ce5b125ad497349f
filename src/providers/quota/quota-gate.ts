import { AsyncLocalStorage } from 'node:async_hooks';
import { Logger } from '@nestjs/common';
import { Pause } from '../../kernel/pause.js';
import {
  type Exchange,
  LEASE_MS,
  type Quota,
  type QuotaAnswer,
  WRITE_WITHIN_MS,
} from './engine/quota.js';
import type { AcquireOptions, Denial, Permit } from './permit.js';
import type { QuotaStore, Recover } from './quota-store.js';
import { StoreClock } from './store-clock.js';
import { Tally } from './tally.js';
import { type Grant, Token, type TokenOwner } from './token.js';
import { WaitingLine } from './waiting-line.js';

export interface GateOptions {
  readonly quota: Quota;
  readonly store: QuotaStore;
  /** Unique among all gates of all processes, ever. */
  readonly holder: string;
  /** Default: nothing is known of a lost epoch, so it counts as exhausted. */
  readonly recover?: Recover;
}

/** Outcomes alone wait so long for company. */
const GATHER_MS = 8;
/** Tokens that nobody wanted for so long go back. */
const IDLE_MS = 100;
const RENEW_MS = LEASE_MS / 4;
/** A token that is handed out can be written at least for so long. */
const MIN_WRITE_MS = 100;
/** Tokens asked for ahead of need: as many as were needed since the last grant, and no more than that. */
const MAX_AHEAD = 64;
/** Somebody may raise a limit: so long a denial is believed at most. */
const MAX_DENIAL_MS = 1_000;
/** Processes ask in this time after a reset instead of all at its moment. */
const SPREAD_MS = 20;
const RETRY_MS = 100;

/**
 * The one door of a process to a provider with a quota. Concurrent `acquire()` calls share one exchange with the store:
 * an idle gate asks at once, a busy one gathers. It asks for a few more tokens than it needs while it is busy, gives back those
 * left over, and knows without asking that a provider is blocked.
 *
 * When the store is away nothing is granted; outcomes are kept and told when it is back.
 */
export class QuotaGate {
  readonly #clock = new StoreClock();
  readonly #tally = new Tally();
  readonly #line = new WaitingLine();
  readonly #pause = new Pause();
  readonly #logger = new Logger('QuotaGate');
  /** Exchanges serve many callers, so they must not run in the Unit of Work or the trace of the one who came first. */
  readonly #outside = AsyncLocalStorage.snapshot();
  readonly #owner: TokenOwner;
  #quota: Quota;
  #spare: Grant[] = [];
  /** Grants of before are void: the gate was taken for dead, or the book was lost. */
  #currentSince = 0;
  #seq = 0;
  /** Tokens out, those among them whose outcome waits in the tally. */
  #out = 0;
  #demand = 0;
  #acquiredAt = 0;
  #exchangedAt = 0;
  #toldAt = 0;
  #denial: Denial | undefined;
  #askAt = 0;
  #deniedUntil = 0;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(private readonly options: GateOptions) {
    this.#quota = options.quota;
    this.#owner = {
      clock: this.#clock,
      tally: this.#tally,
      quota: () => this.#quota,
      isCurrent: (grant) => grant.writeBy > this.#currentSince,
      told: () => {
        if (this.#toldAt === 0) this.#toldAt = performance.now();
        this.#schedule();
      },
    };
  }

  get quota(): Quota {
    return this.#quota;
  }

  /** Counts from the next exchange on, and makes the gate ask anew what it believed to be blocked. */
  change(quota: Quota): void {
    this.#quota = quota;
    this.#denial = undefined;
    this.#askAt = this.#deniedUntil = 0;
    this.#schedule();
  }

  /**
   * A token now or within `maxWaitMs`, else a denial. Rejects only when the signal aborts. Acquire when a connection is
   * free to write on: permits that queue behind others run out, and their messages begin anew at the end of the queue.
   */
  async acquire(options: AcquireOptions = {}): Promise<Permit | Denial> {
    options.signal?.throwIfAborted();
    const now = performance.now();
    if (this.#isClosed) return this.#denied(now);
    if (this.#denial && now < this.#askAt && now + (options.maxWaitMs ?? 0) < this.#deniedUntil) {
      return this.#denied(now);
    }
    this.#demand += 1;
    this.#acquiredAt = now;
    const spare = this.#line.length === 0 ? this.#takeSpare(now) : undefined;
    if (spare) return new Token(this.#owner, spare);
    const joined = this.#line.join(options, () => this.#denial && this.#denied(performance.now()));
    this.#schedule();
    return joined;
  }

  /** Denies those who wait, gives back what is left, and tells the outcomes known by now. Rejects when the store is away. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#line.denyBefore(Infinity, this.#denied(performance.now()));
    this.#pause.end();
    await this.#running;
    clearTimeout(this.#timer);
    this.#giveBack();
    if (!this.#tally.isEmpty) await this.options.store.exchange(this.#exchange(0));
  }

  #takeSpare(now: number): Grant | undefined {
    for (let grant = this.#spare.shift(); grant; grant = this.#spare.shift()) {
      if (grant.writeBy - now >= MIN_WRITE_MS && this.#owner.isCurrent(grant)) return grant;
      this.#tally.unsent();
    }
    return undefined;
  }

  #giveBack(): void {
    this.#tally.unsent(this.#spare.length);
    this.#spare = [];
  }

  #denied(now: number): Denial {
    const { phase = 'unavailable' } = this.#denial ?? {};
    const retryAfterMs = Math.max(1, Math.ceil(this.#deniedUntil - now));
    return { granted: false, phase, retryAfterMs };
  }

  /** In the next turn, so that all who come in this one share the exchange. */
  #schedule(): void {
    if (this.#running || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#running = this.#outside(() => this.#run());
  }

  async #run(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (!this.#isClosed && this.#dueAt() <= performance.now()) await this.#round();
    } finally {
      this.#running = undefined;
    }
    const due = this.#dueAt();
    if (this.#isClosed || due === Infinity) return;
    const waitMs = Math.max(0, due - performance.now());
    this.#timer = setTimeout(() => {
      this.#schedule();
    }, Math.ceil(waitMs));
  }

  /** When the next exchange is due: for those who wait, for outcomes, for tokens left over, for the lease. */
  #dueAt(): number {
    const asks = this.#line.length > 0 ? this.#askAt : Infinity;
    const tells = this.#tally.isEmpty ? Infinity : this.#toldAt + GATHER_MS;
    const returns = this.#spare.length > 0 ? this.#acquiredAt + IDLE_MS : Infinity;
    const renews = this.#out > 0 ? this.#exchangedAt + RENEW_MS : Infinity;
    return Math.min(asks, tells, returns, renews);
  }

  async #round(): Promise<void> {
    const startedAt = performance.now();
    if (startedAt >= this.#acquiredAt + IDLE_MS) this.#giveBack();
    const asks = this.#line.length > 0 && this.#askAt <= startedAt;
    const exchange = this.#exchange(asks ? this.#line.length + this.#ahead() : 0);
    const answer = await this.#persist(exchange);
    if (!answer) return;
    const endedAt = performance.now();
    this.#exchangedAt = startedAt;
    if (answer.lost || answer.lapsed) {
      this.#void(endedAt);
      if (answer.lost) await this.#recover();
      return;
    }
    this.#clock.read(answer.now, startedAt, endedAt);
    this.#out += answer.granted - tokensOf(exchange);
    this.#receive(answer, startedAt, endedAt);
    if (asks) this.#deny(answer, endedAt);
  }

  #ahead(): number {
    const ahead = Math.min(MAX_AHEAD, this.#demand);
    this.#demand = 0;
    return ahead;
  }

  #exchange(wanted: number): Exchange {
    const { knownAt, ...outcomes } = this.#tally.take();
    this.#toldAt = 0;
    this.#seq += 1;
    return {
      quota: this.#quota,
      holder: this.options.holder,
      seq: this.#seq,
      holds: this.#out,
      ...outcomes,
      agoMs: knownAt === 0 ? 0 : Math.max(0, Math.floor(performance.now() - knownAt)),
      wanted,
    };
  }

  /** Until the store answers: what was told may have arrived, so it can only be told again, and is known again by its number. */
  async #persist(exchange: Exchange): Promise<QuotaAnswer | undefined> {
    const startedAt = performance.now();
    for (let failures = 0; !this.#isClosed; failures += 1) {
      const agoMs = exchange.agoMs + Math.floor(performance.now() - startedAt);
      try {
        return await this.options.store.exchange({ ...exchange, agoMs });
      } catch (error) {
        if (failures === 0) {
          this.#logger.warn({ err: error, provider: this.#quota.providerId }, 'No quota store');
        }
        this.#unavailable(RETRY_MS);
        await this.#wait(Math.min(MAX_DENIAL_MS, RETRY_MS * 2 ** Math.min(failures, 10)));
      }
    }
    return undefined;
  }

  #receive(answer: QuotaAnswer, startedAt: number, now: number): void {
    const grant = {
      epoch: answer.epoch,
      grantedAt: answer.now,
      writeBy: startedAt + WRITE_WITHIN_MS,
    };
    if (grant.writeBy - now < MIN_WRITE_MS) {
      this.#tally.unsent(answer.granted);
      return;
    }
    if (answer.granted > 0) this.#denial = undefined;
    for (let left = answer.granted; left > 0; left -= 1) {
      const waiter = this.#line.first();
      if (waiter) waiter.resolve(new Token(this.#owner, grant));
      else this.#spare.push(grant);
    }
  }

  #deny({ retryAfterMs, phase }: QuotaAnswer, now: number): void {
    this.#askAt = 0;
    if (retryAfterMs === 0 || this.#line.length === 0) return;
    const spreadMs = phase === 'blocked' ? Math.random() * SPREAD_MS : 0;
    this.#deniedUntil = now + retryAfterMs;
    this.#askAt = Math.min(this.#deniedUntil + spreadMs, now + MAX_DENIAL_MS);
    const said = phase === 'draining' ? 'draining' : 'blocked';
    this.#denial = { granted: false, retryAfterMs, phase: said };
    this.#line.denyBefore(this.#deniedUntil, this.#denial);
  }

  #unavailable(waitMs: number): void {
    const now = performance.now();
    this.#deniedUntil = this.#askAt = now + waitMs;
    this.#denial = { granted: false, phase: 'unavailable', retryAfterMs: waitMs };
    this.#line.denyBefore(this.#deniedUntil, this.#denial);
  }

  #void(now: number): void {
    this.#currentSince = now + WRITE_WITHIN_MS;
    this.#spare = [];
    this.#tally.clear();
    this.#out = 0;
    this.#askAt = 0;
  }

  /** All gates do this at once; the first book that is opened counts. */
  async #recover(): Promise<void> {
    const { store, recover } = this.options;
    const quota = this.#quota;
    this.#unavailable(LEASE_MS);
    await this.#wait(LEASE_MS); // by then all is written that the lost book had allowed
    if (this.#isClosed) return;
    try {
      await store.restore(quota, await recover?.(quota));
    } catch (error) {
      this.#logger.error({ err: error, provider: quota.providerId }, 'Could not recover a quota');
      this.#unavailable(MAX_DENIAL_MS);
      return;
    }
    this.#logger.warn({ provider: quota.providerId }, 'Opened the book of a quota');
    this.#askAt = this.#deniedUntil = 0;
    this.#denial = undefined;
  }

  async #wait(ms: number): Promise<void> {
    if (!this.#isClosed) await this.#pause.wait(ms);
  }
}

function tokensOf({ accepted, ambiguous, unsent, refused }: Exchange): number {
  return accepted + ambiguous + unsent + refused;
}

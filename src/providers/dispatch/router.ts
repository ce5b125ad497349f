import { Injectable } from '@nestjs/common';
import { RightsOf } from '../../identity/index.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import type { Message } from '../domain/message.js';
import {
  BUDGET_EXHAUSTED,
  FREE_QUOTA_EXHAUSTED,
  PAID_FORBIDDEN,
  QUOTA_MESSAGE,
  UNAVAILABLE,
} from '../domain/message.errors.js';
import type { MessageError } from '../domain/message.state.js';
import type { Provider, ProviderId } from '../domain/provider.js';
import { ProviderDirectory } from '../queries/provider-directory.js';
import type { BudgetReservation } from '../quota/budget.repository.js';
import type { Denial, Permit } from '../quota/permit.js';
import { PAID_RIGHT } from './admission.js';
import { ProviderCircuits } from './provider-circuits.js';
import { Purse } from './purse.js';
import { QuotaGates } from './quota-gates.js';

/** A call that may be made: the token, or the money, for it is set aside, and the circuit entered. */
export interface Passage {
  readonly provider: Provider;
  readonly permit?: Permit;
  readonly reservation?: BudgetReservation;
  /** It is paid for only because the free provider had no token. */
  readonly isAvoidable: boolean;
}

export type Decision =
  | ({ readonly kind: 'send' } & Passage)
  /** For the free provider to take calls again. */
  | { readonly kind: 'wait'; readonly afterMs: number; readonly error: MessageError }
  /** In the queue, for a provider to work again. */
  | { readonly kind: 'pause'; readonly afterMs: number; readonly error: MessageError }
  | { readonly kind: 'refuse'; readonly error: MessageError };

/** Why a provider cannot be had. */
type Obstacle =
  | { readonly kind: 'quota'; readonly afterMs: number; readonly isDraining: boolean }
  | { readonly kind: 'down'; readonly afterMs: number }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'budget' };

type Quota = Extract<Obstacle, { readonly kind: 'quota' }>;

const DRAIN_PATIENCE_MS = 2_000;
const SHORTEST_PAUSE_MS = 1_000;
/** While the last calls of an epoch are under way, those who wait are not asked more often. */
const SHORTEST_DENIAL_MS = 20;

/**
 * Decides where a message goes: to the free provider whenever a token can be had, else to the paid one where its owner
 * may use it and the budget allows, else it waits. For a provider that takes a number of calls and then blocks, to send
 * free whenever allowed is the least that can be paid.
 */
@Injectable()
export class Router {
  /** Monotonic time at which the free provider may take calls again, as the last denial said. */
  #freeOpensAt = 0;

  constructor(
    private readonly mediator: Mediator,
    private readonly directory: ProviderDirectory,
    private readonly circuits: ProviderCircuits,
    private readonly gates: QuotaGates,
    private readonly purse: Purse,
  ) {}

  /** Makes the first decision as quick as any other. Rejects when the signal aborts. */
  async open(signal: AbortSignal): Promise<void> {
    const free = this.directory.find('free');
    if (free) await this.gates.open(free, signal);
  }

  /** Until messages that wait for the free provider can be tried; 0: now. */
  get freeOpensInMs(): number {
    return Math.max(0, this.#freeOpensAt - performance.now(), this.circuits.pauseMs('free'));
  }

  async decide(message: Message, now: Date): Promise<Decision> {
    const free = await this.#tryFree(message);
    if (free && 'provider' in free) return { kind: 'send', ...free };
    const paid = await this.#tryPaid(message, free);
    if (paid && 'provider' in paid) return { kind: 'send', ...paid };
    return withoutProvider(message, { free, paid }, now);
  }

  async #tryFree(message: Message): Promise<Passage | Obstacle | undefined> {
    const provider = this.#eligible('free', message);
    if (!provider) return undefined;
    if (provider.drained || !this.circuits.enter('free')) return this.#down('free');
    const permit = await this.gates.acquire(provider);
    if ('retryAfterMs' in permit) {
      this.circuits.leave('free', undefined);
      return this.#denied(permit);
    }
    this.#freeOpensAt = 0;
    return { provider, permit, isAvoidable: false };
  }

  async #tryPaid(
    message: Message,
    free: Obstacle | undefined,
  ): Promise<Passage | Obstacle | undefined> {
    const provider = this.#eligible('paid', message);
    if (!provider) return undefined;
    if (!(await this.#mayPay(message.state.ownerId))) return { kind: 'forbidden' };
    if (provider.drained || !this.circuits.enter('paid')) return this.#down('paid');
    const reservation = await this.purse.reserve(provider);
    if (!reservation) {
      this.circuits.leave('paid', undefined);
      return { kind: 'budget' };
    }
    return { provider, reservation, isAvoidable: free?.kind === 'quota' };
  }

  /** Asked at every dispatch: a right that was withdrawn counts for messages in the queue, too. */
  async #mayPay(ownerId: string): Promise<boolean> {
    const rights = await this.mediator.ask(new RightsOf([ownerId]));
    return rights.get(ownerId)?.has(PAID_RIGHT) ?? false;
  }

  #eligible(id: ProviderId, { state }: Message): Provider | undefined {
    const isWanted = state.wish === 'auto' || state.wish === id;
    const isPinnedElsewhere = state.pinned && state.provider !== id;
    return isWanted && !isPinnedElsewhere ? this.directory.find(id) : undefined;
  }

  #down(id: ProviderId): Obstacle {
    return { kind: 'down', afterMs: Math.max(SHORTEST_PAUSE_MS, this.circuits.pauseMs(id)) };
  }

  #denied({ phase, retryAfterMs }: Denial): Obstacle {
    if (phase === 'unavailable') return { kind: 'down', afterMs: SHORTEST_PAUSE_MS };
    this.#freeOpensAt = performance.now() + Math.max(SHORTEST_DENIAL_MS, retryAfterMs);
    return { kind: 'quota', afterMs: retryAfterMs, isDraining: phase === 'draining' };
  }
}

interface Obstacles {
  readonly free: Obstacle | undefined;
  readonly paid: Obstacle | undefined;
}

function withoutProvider(message: Message, { free, paid }: Obstacles, now: Date): Decision {
  if (free?.kind === 'quota' && paid?.kind !== 'down') return withoutToken(message, free, now);
  if (free) return pause(free, paid);
  if (paid?.kind === 'forbidden') return { kind: 'refuse', error: PAID_FORBIDDEN };
  if (paid?.kind === 'budget') return { kind: 'refuse', error: BUDGET_EXHAUSTED };
  return pause(free, paid);
}

function withoutToken(message: Message, { afterMs, isDraining }: Quota, now: Date): Decision {
  const opensAt = new Date(now.getTime() + afterMs);
  const error = {
    code: FREE_QUOTA_EXHAUSTED,
    message: QUOTA_MESSAGE,
    retry_at: opensAt.toISOString(),
  };
  // What is to be sent again may have been done already: it waits as long as that takes to be known.
  const mayWait = message.state.pinned || opensAt <= message.waitsUntil;
  if (mayWait) return { kind: 'wait', afterMs, error };
  // All tokens are out: some may come back, and a moment later it is known.
  const isYoung = now.getTime() - message.state.createdAt.getTime() < DRAIN_PATIENCE_MS;
  if (isDraining && isYoung) return { kind: 'pause', afterMs: SHORTEST_DENIAL_MS, error };
  return { kind: 'refuse', error };
}

function pause(...obstacles: readonly (Obstacle | undefined)[]): Decision {
  const pauses = obstacles.flatMap((one) => (one && 'afterMs' in one ? one.afterMs : []));
  return {
    kind: 'pause',
    afterMs: pauses.length > 0 ? Math.min(...pauses) : SHORTEST_PAUSE_MS,
    error: UNAVAILABLE,
  };
}

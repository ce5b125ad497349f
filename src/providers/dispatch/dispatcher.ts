import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../kernel/clock.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ENV, type Env } from '../../kernel/env.js';
import { Loop } from '../../kernel/loop.js';
import { continueTrace, runWithContext } from '../../kernel/observability/trace-context.js';
import { ClaimMessages } from '../commands/claim-messages.js';
import { FinishMessage } from '../commands/finish-message.js';
import { ReleaseUnknown } from '../commands/release-unknown.js';
import type { Message } from '../domain/message.js';
import { MessageRepository } from '../message.repository.js';
import { DispatcherLease } from './dispatcher-lease.js';
import { type Decision, Router } from './router.js';
import { ProviderCalls } from './provider-calls.js';
import { ProviderMetrics } from './provider.metrics.js';

/** The longest pause between two looks for messages of which nobody has told. */
const LOOK_MS = 250;
/** Messages that are tried at once when the free provider may take calls again. */
const WAITING_BATCH = 128;
/** Messages of one claim: many of them would go through all steps in one wave, and leave the others idle. */
const CLAIM_BATCH = 256;
const RELEASE_EVERY_MS = 10_000;
const RECORD_RETRY_MS = 500;

/**
 * Sends messages from this process: claims as many as there are slots for, decides where each goes, enters its call
 * into the journal, makes it, and records the end. Each of these steps is one statement for all messages that are at
 * it, so a message costs a share of five. Postgres holds the truth: whatever dies in between, a message is in the queue,
 * or held by a dispatcher whose lease ends, with its call in the journal or not.
 */
@Injectable()
export class Dispatcher {
  readonly #logger = new Logger('Dispatcher');
  readonly #loop = new Loop({ name: 'Dispatcher', idleMs: LOOK_MS }, () => this.#round());
  readonly #held = new Map<string, Promise<void>>();
  readonly #ending = new AbortController();
  #opening: Promise<void> | undefined;
  #reopening: NodeJS.Timeout | undefined;
  #releasedAt = performance.now();
  #isPastGrace = false;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly clock: Clock,
    private readonly mediator: Mediator,
    private readonly lease: DispatcherLease,
    private readonly router: Router,
    private readonly calls: ProviderCalls,
    private readonly metrics: ProviderMetrics,
    private readonly messages: MessageRepository,
  ) {}

  async start(): Promise<void> {
    await this.lease.start();
    this.messages.signals.on('queued', this.wake);
    this.metrics.watchSending(() => this.#held.size);
    this.#opening = this.#open();
  }

  /** Not awaited by the boot: a book that was never used, or is lost, takes two seconds to be opened. */
  async #open(): Promise<void> {
    const { signal } = this.#ending;
    try {
      await this.router.open(signal);
    } catch (error) {
      if (!signal.aborted) this.#logger.error({ err: error }, 'Could not open the quota');
    }
    if (!signal.aborted) this.#loop.start();
  }

  readonly wake = (): void => {
    this.#loop.wake();
  };

  /** Lets calls end for the grace time. What is left then is recovered by others, as after a crash. */
  async stop(): Promise<void> {
    this.messages.signals.off('queued', this.wake);
    this.#ending.abort();
    await this.#opening;
    await this.#loop.stop();
    clearTimeout(this.#reopening);
    const inTime = await Promise.race([
      this.#drained(),
      delay(this.env.SHUTDOWN_GRACE_MS, false, { ref: false }),
    ]);
    this.#isPastGrace = true;
    if (!inTime) this.#logger.warn({ messages: this.#held.size }, 'Left calls that did not end');
    await this.lease.stop();
  }

  /** A claim for a few messages costs as much as one for many. */
  get #enoughSlots(): number {
    return Math.ceil(this.env.PROVIDERS_CONCURRENCY / 8);
  }

  async #drained(): Promise<true> {
    while (this.#held.size > 0) await Promise.allSettled(this.#held.values());
    return true;
  }

  async #round(): Promise<number> {
    await this.#releaseUnknown();
    const slots = this.env.PROVIDERS_CONCURRENCY - this.#held.size;
    if (slots < this.#enoughSlots) return 0; // woken when enough of them have ended
    const opensInMs = this.router.freeOpensInMs;
    const most = Math.min(CLAIM_BATCH, slots);
    const limits = { waiting: opensInMs > 0 ? 0 : Math.min(WAITING_BATCH, most), queued: most };
    const claimed = await this.mediator.execute(new ClaimMessages(this.lease.id, limits));
    for (const message of claimed) this.#hold(message, this.lease.id);
    this.#wakeAtReopening(opensInMs);
    return claimed.length;
  }

  #wakeAtReopening(opensInMs: number): void {
    clearTimeout(this.#reopening);
    if (opensInMs <= 0 || opensInMs > LOOK_MS) return;
    this.#reopening = setTimeout(this.wake, opensInMs);
  }

  #hold(message: Message, dispatcherId: string): void {
    const { id, traceparent, correlationId } = message.state;
    const trace = continueTrace(traceparent, correlationId);
    const sent = runWithContext(trace, () => this.#send(message, dispatcherId))
      .catch((error: unknown) => {
        this.#logger.error({ err: error, message_id: id }, 'A message could not be sent');
      })
      .finally(() => {
        // Queued again, it may be ours again by now.
        if (this.#held.get(id) === sent) this.#held.delete(id);
        const slots = this.env.PROVIDERS_CONCURRENCY - this.#held.size;
        if (slots % this.#enoughSlots === 0) this.wake();
      });
    this.#held.set(id, sent);
  }

  async #send(message: Message, dispatcherId: string): Promise<void> {
    const since = performance.now();
    const decision = await this.router.decide(message, this.clock.now());
    this.metrics.decisionSeconds.observe((performance.now() - since) / 1_000);
    if (decision.kind !== 'send') {
      this.#setAside(message, decision);
      await this.#save(new FinishMessage(dispatcherId, message));
      return;
    }
    const ended = await this.calls.make(message, decision, dispatcherId);
    if (!ended) return; // another process has the message by now
    await this.#save(new FinishMessage(dispatcherId, message, ended));
  }

  #setAside(message: Message, decision: Exclude<Decision, { kind: 'send' }>): void {
    const now = this.clock.now();
    if (decision.kind === 'refuse') {
      message.refuse(decision.error, now);
      return;
    }
    const until = new Date(now.getTime() + decision.afterMs);
    if (decision.kind === 'wait') message.wait(until, decision.error);
    else message.pause(until, decision.error);
  }

  /** While the database is away the end waits here, for as long as the lease lives. */
  async #save(command: FinishMessage): Promise<void> {
    const { id } = command.message.state;
    for (let tries = 1; ; tries += 1) {
      try {
        const isSaved = await this.mediator.execute(command);
        if (!isSaved) this.#logger.warn({ message_id: id }, 'A message was no longer ours');
        return;
      } catch (error) {
        if (command.dispatcherId !== this.lease.id || this.#isPastGrace) throw error;
        if (tries === 1)
          this.#logger.error({ err: error, message_id: id }, 'Could not record an end; trying on');
        await delay(RECORD_RETRY_MS);
      }
    }
  }

  /** A claim whose answer was lost holds messages that nobody here knows. */
  async #releaseUnknown(): Promise<void> {
    if (performance.now() - this.#releasedAt < RELEASE_EVERY_MS) return;
    this.#releasedAt = performance.now();
    const command = new ReleaseUnknown(this.lease.id, [...this.#held.keys()]);
    const released = await this.mediator.execute(command);
    if (released > 0)
      this.#logger.warn({ messages: released }, 'Gave back messages of lost claims');
  }
}

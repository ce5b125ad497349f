import { Inject, Injectable, Logger } from '@nestjs/common';
import { crashPoint } from '../crash-points.js';
import { BROKER, type Broker, type Delivery } from './broker.js';
import { MessageMetrics } from './message.metrics.js';
import type { ServedScope } from './message-scopes.js';
import { LONGEST_PAUSE_IN_PLACE_MS } from './scope-settings.js';
import {
  errorAnswer,
  isInfrastructure,
  RetryLater,
  UnreadableMessageError,
  type Verdict,
} from './settlement.js';

/** A delivery at hand. Its attempt goes on counting where it is tried again in its place. */
export interface Arrival {
  readonly delivery: Delivery;
  attempt: number;
}

/** How a message ended. */
export interface Settled {
  /** For the circuit; undefined when it says nothing about what the handlers need. */
  readonly worked: boolean | undefined;
  /** It is to be tried again in its place, after so long. */
  readonly againAfterMs?: number;
}

/** What was found out about one message. */
export interface Ended {
  readonly scope: ServedScope;
  readonly arrival: Arrival;
  readonly route: string;
  readonly startedAt: number;
  readonly verdict: Verdict;
  /** What the handler returned, for whoever waits for a reply. */
  readonly result?: unknown;
  /** What it threw. */
  readonly error?: unknown;
}

/** A message that this process does not begin any more waits for so long. */
const GIVEN_BACK_PAUSE_MS = 1_000;

/** The last step of every message: tells the broker, whoever waits for a reply, the log and the metrics. Never rejects. */
@Injectable()
export class MessageSettler {
  readonly #logger = new Logger('Messages');

  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    private readonly metrics: MessageMetrics,
  ) {}

  async settle(ended: Ended): Promise<Settled> {
    const { arrival, route, startedAt, verdict } = ended;
    const { queue } = arrival.delivery;
    if (verdict.kind !== 'ack') this.#report(ended);
    const again = pauseInPlace(ended);
    if (again === undefined) await this.#tellBroker(arrival, verdict);
    const outcome = verdict.kind === 'ack' ? verdict.outcome : verdict.kind;
    this.metrics.handled.inc({ queue, route, outcome });
    this.metrics.handleSeconds.observe({ queue }, (performance.now() - startedAt) / 1_000);
    if (arrival.delivery.message.replyTo !== undefined) await this.#reply(ended);
    return { worked: worked(ended), ...(again === undefined ? {} : { againAfterMs: again }) };
  }

  /** A message so odd that its headers cannot be read goes to the dead letters as it is. */
  async bury(delivery: Delivery, error: unknown): Promise<Settled> {
    this.#logger.error({ err: error, queue: delivery.queue }, 'A message could not even be read');
    const verdict = { kind: 'dead-letter', reason: `unreadable: ${String(error)}` } as const;
    await this.#tellBroker({ delivery, attempt: delivery.attempt }, verdict);
    return { worked: undefined };
  }

  /** Puts a message that nobody has begun back behind the others, as it came. */
  async postpone({ delivery }: Arrival, reason: string): Promise<void> {
    await this.#tellBroker(
      { delivery, attempt: delivery.attempt },
      { kind: 'retry', delayMs: 5_000, error: reason, uncounted: true },
    );
  }

  /**
   * Sends a message that this process does not begin any more to the others, as it came. Left unsettled it would come to
   * them only when the last handler here has ended.
   */
  async giveBack({ delivery }: Arrival): Promise<void> {
    await this.#tellBroker({ delivery, attempt: delivery.attempt }, { kind: 'give-back' });
  }

  async #tellBroker({ delivery, attempt }: Arrival, verdict: Verdict): Promise<void> {
    try {
      if (verdict.kind === 'ack') {
        crashPoint('consumer.after-commit');
        await delivery.ack();
        crashPoint('consumer.after-ack');
      } else if (verdict.kind === 'retry') {
        const next = verdict.uncounted ? attempt : attempt + 1;
        await delivery.retry(verdict.delayMs, verdict.error, next);
      } else if (verdict.kind === 'dead-letter') await delivery.deadLetter(verdict.reason);
      else await delivery.retry(GIVEN_BACK_PAUSE_MS, 'its process was told to stop', attempt);
    } catch (error) {
      // The broker has lost us, so it brings the message again.
      this.#logger.warn({ err: error, queue: delivery.queue }, 'Could not settle a message');
    }
  }

  /** An answer is sent at most once: the asker, who may be gone, repeats the question if it misses it. */
  async #reply({ arrival, verdict, result, error }: Ended): Promise<void> {
    const answered = verdict.kind === 'dead-letter' || (verdict.kind === 'ack' && !error);
    const { replyTo, correlationId, ...message } = arrival.delivery.message;
    if (!answered || replyTo === undefined || isDuplicate(verdict)) return;
    const answer = verdict.kind === 'dead-letter' ? errorAnswer(error) : (result ?? null);
    try {
      await this.broker.reply({
        ...message,
        replyTo,
        ...(correlationId === undefined ? {} : { correlationId }),
        headers: {},
        contentType: 'application/json',
        payload: Buffer.from(JSON.stringify(answer)),
      });
    } catch (reason) {
      this.#logger.warn({ err: reason, reply_to: replyTo }, 'Could not answer a message');
    }
  }

  #report({ verdict, arrival, route, error }: Ended): void {
    const { delivery, attempt } = arrival;
    const about = { queue: delivery.queue, route, message_id: delivery.message.id, attempt };
    if (error instanceof RetryLater && !error.counts) this.#logger.debug(about, error.message);
    else if (verdict.kind === 'retry')
      this.#logger.warn(
        { ...about, err: error, delay_ms: verdict.delayMs },
        'Message failed and will be tried again',
      );
    if (verdict.kind === 'dead-letter')
      this.#logger.error({ ...about, reason: verdict.reason }, 'Message went to the dead letters');
  }
}

function isDuplicate(verdict: Verdict): boolean {
  return verdict.kind === 'ack' && verdict.outcome === 'duplicate';
}

/** Where order counts a message may not be passed by others, so it waits here. */
function pauseInPlace({ scope, verdict, arrival }: Ended): number | undefined {
  if (!scope.ordered) return undefined;
  if (verdict.kind === 'give-back') return GIVEN_BACK_PAUSE_MS;
  if (verdict.kind !== 'retry') return undefined;
  if (!verdict.uncounted) arrival.attempt += 1;
  return Math.min(verdict.delayMs, LONGEST_PAUSE_IN_PLACE_MS);
}

function worked({ verdict, error }: Ended): boolean | undefined {
  if (verdict.kind === 'give-back' || error instanceof UnreadableMessageError) return undefined;
  return error === undefined || !isInfrastructure(error);
}

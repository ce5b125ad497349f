import { Inject, Injectable, Logger } from '@nestjs/common';
import { Clock } from '../clock.js';
import { ENV, type Env } from '../env.js';
import { Ids } from '../ids.js';
import { Loop } from '../loop.js';
import {
  BROKER,
  type Broker,
  type Consumption,
  DEAD_LETTERS_SUFFIX,
  type Delivery,
} from '../messaging/broker.js';
import { MessageScopes } from '../messaging/message-scopes.js';
import { sqlState } from '../persistence/postgres-errors.js';
import { UnitOfWork } from '../persistence/unit-of-work.js';
import { type DeadLetterRow, rowOf } from './dead-letter.js';
import { DeadLetterMetrics } from './dead-letter.metrics.js';
import { DeadLetterStore } from './dead-letter.store.js';

const PREFETCH = 200;
const MAX_BATCH = 500;
const MAX_BATCH_BYTES = 8 * 1_024 * 1_024;
/** A letter wakes the loop; this is how often it looks without one. */
const IDLE_MS = 60_000;

/** A letter at hand, unsettled. */
interface Arrival {
  readonly queue: string;
  readonly delivery: Delivery;
}

/**
 * Takes the dead letters of every scope that this process carries out of their queues into Postgres, in processes
 * with role `scheduler`.
 *
 * A letter is acknowledged after the commit; killed in between, it comes again and changes nothing. While Postgres is
 * away letters stay in their queues. One that Postgres refuses holds up no other: it is left unsettled and reported.
 */
@Injectable()
export class DeadLetterCollector {
  readonly #logger = new Logger(DeadLetterCollector.name);
  readonly #loop = new Loop({ name: 'DeadLetterCollector', idleMs: IDLE_MS }, () => this.#round());
  #consumptions: Consumption[] = [];
  #arrivals: Arrival[] = [];
  /** Those that Postgres refused; no more than the prefetch, because they stay unsettled. */
  #refused: Arrival[] = [];

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(BROKER) private readonly broker: Broker,
    private readonly scopes: MessageScopes,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly unitOfWork: UnitOfWork,
    private readonly store: DeadLetterStore,
    private readonly metrics: DeadLetterMetrics,
  ) {
    metrics.watchRefused(() => this.#refused.filter(isHeld).map(({ queue }) => queue));
  }

  /** Letters that are not stored yet. */
  get atHand(): number {
    return this.#arrivals.length;
  }

  /** Once the queues are declared. */
  async start(): Promise<void> {
    if (!this.env.ROLES.includes('scheduler')) return;
    this.#loop.start();
    for (const { name: queue } of this.scopes.find().flatMap((scope) => scope.queues)) {
      const take = (delivery: Delivery) => {
        this.#arrivals.push({ queue, delivery });
        this.#loop.wake();
      };
      const dead = `${queue}${DEAD_LETTERS_SUFFIX}`;
      this.#consumptions.push(await this.broker.consume(dead, PREFETCH, take));
    }
  }

  /** What is at hand and not yet stored goes back to its queue with the broker's connection. */
  async stop(): Promise<void> {
    for (const consumption of this.#consumptions.splice(0)) await consumption.stop();
    await this.#loop.stop();
  }

  async #round(): Promise<number> {
    const batch = this.#arrivals.slice(0, batchLength(this.#arrivals));
    if (batch.length === 0) return 0;
    await this.#storeAll(batch);
    this.#arrivals.splice(0, batch.length); // not before: a failed round is repeated
    return batch.length;
  }

  /** All in one transaction; where Postgres refuses that, each in its own. Throws when Postgres is away. */
  async #storeAll(batch: readonly Arrival[]): Promise<void> {
    try {
      await this.#store(batch);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (batch.length === 1) this.#report(batch, error);
      else for (const arrival of batch) await this.#storeAll([arrival]);
    }
  }

  async #store(batch: readonly Arrival[]): Promise<void> {
    const now = this.clock.now();
    const letters = newestOfEach(
      batch.map(({ queue, delivery }) => rowOf(delivery, queue, this.ids.next(), now)),
    );
    const queues = await this.unitOfWork.run(() => this.store.add(letters));
    for (const queue of queues) this.metrics.stored.inc({ queue });
    for (const { delivery } of batch) {
      delivery.ack().catch((error: unknown) => {
        this.#logger.warn({ err: error, queue: delivery.queue }, 'A stored letter comes again');
      });
    }
  }

  #report(refused: readonly Arrival[], error: unknown): void {
    this.#refused = [...this.#refused.filter(isHeld), ...refused];
    for (const { queue } of refused)
      this.#logger.error(
        { err: error, queue },
        'A dead letter cannot be stored; it stays where it is',
      );
  }
}

/** With its connection it would come again. */
function isHeld({ delivery }: Arrival): boolean {
  return !delivery.isLost;
}

/** At least one, and no more than some megabytes. */
function batchLength(arrivals: readonly Arrival[]): number {
  let bytes = 0;
  const tooMany = arrivals.findIndex(({ delivery }, index) => {
    bytes += delivery.message.payload.length;
    return index > 0 && (index >= MAX_BATCH || bytes > MAX_BATCH_BYTES);
  });
  return tooMany === -1 ? arrivals.length : tooMany;
}

/** One statement can touch a row only once; in one order, so that two collectors cannot wait for each other. */
function newestOfEach(letters: readonly DeadLetterRow[]): DeadLetterRow[] {
  const keyOf = (letter: DeadLetterRow) => `${letter.message_id} ${letter.queue}`;
  const byAge = letters.toSorted(
    (a, b) => a.deaths - b.deaths || a.died_at.getTime() - b.died_at.getTime(),
  );
  const newest = new Map(byAge.map((letter) => [keyOf(letter), letter]));
  return [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, letter]) => letter);
}

/** SQLSTATE classes "data exception", "integrity constraint violation" and "program limit exceeded". */
const REFUSALS = /^(22|23|54)/;

/** The letter itself is the cause, so it would fail again; else Postgres is away or busy. */
function isRefusal(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return REFUSALS.test(state);
  return error instanceof TypeError || error instanceof RangeError;
}

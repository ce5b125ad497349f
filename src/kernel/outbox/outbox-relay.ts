import { Inject, Injectable } from '@nestjs/common';
import { crashPoint, crashPointOnceSent } from '../crash-points.js';
import { ENV, type Env } from '../env.js';
import { Loop } from '../loop.js';
import { BROKER, type Broker, COMMANDS_EXCHANGE, RefusedError } from '../messaging/broker.js';
import { OutboxMetrics } from './outbox.metrics.js';
import { type OutboxRow, toBrokerMessage } from './outbox-message.js';
import { OutboxWalk } from './outbox-walk.js';
import { OutboxStore } from './outbox.store.js';
import { ReadFloors } from './read-floors.js';
import { ShardLeases } from './shard-leases.js';

/** How long a relay reads on before it looks again for rows that were committed behind its back. */
const SWEEP_MS = 300;
/** Batches between the database and the broker's confirms at once. */
const MAX_IN_FLIGHT = 3;
const RENEW_MS = 3_000;
const PARKED_MS = 1_000;
/** Routing keys of commands are names of queues; more than so many would be something else. */
const MAX_TAKEN = 1_000;
/** Characters of payload in one batch, about: a thousand messages of 64 KiB must not fill the memory. */
const BATCH_CHARACTERS = 4_000_000;

interface PublishListener {
  readonly onConfirmed: (rows: readonly OutboxRow[]) => Promise<void>;
  /** Called before anything else is waited for. */
  readonly onUnknown?: (error: Error) => void;
}

/**
 * Publishes the outbox: reads the shards it owns, publishes over pipelined confirms, deletes what was confirmed.
 *
 * At least once: killed between confirm and delete, the next owner publishes the rows again. A message that
 * the broker refuses is parked with its key and tried again with back-off; while the broker is away, nothing moves.
 */
@Injectable()
export class OutboxRelay {
  readonly #loop = new Loop({ name: 'OutboxRelay', idleMs: 250 }, () => this.#round());
  #renewedAt = -Infinity;
  #retriedAt = -Infinity;
  /** Keys whose next messages must wait; a message without a key holds up nothing. */
  #parkedKeys = new Set<string>();
  #hasParked = false;
  readonly #floors = new ReadFloors();
  /** Routing keys whose last command was taken. */
  readonly #taken = new Set<string>();
  #batchSize = 100;

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(BROKER) private readonly broker: Broker,
    private readonly store: OutboxStore,
    private readonly leases: ShardLeases,
    private readonly metrics: OutboxMetrics,
  ) {}

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await this.leases.release();
  }

  async #round(): Promise<number> {
    try {
      await this.#renew();
      if (this.leases.owned.length === 0 || !this.broker.canPublish) return 0;
      const retried = await this.#retryParked();
      return retried + (await this.#sweep());
    } catch (error) {
      // Whatever failed first, a delivery that was under way may have failed as well, and its rows are still there.
      this.#floors.reset();
      throw error;
    }
  }

  async #renew(): Promise<void> {
    if (performance.now() - this.#renewedAt < RENEW_MS) return;
    await this.leases.renew();
    this.#renewedAt = performance.now();
    await this.#readParked();
  }

  /**
   * One walk over the shards, with several batches under way. Each reads from the floors again, without what is at hand:
   * reading on where the one before stopped would step over rows that were numbered before and committed after it, and
   * take the next ones of their keys first.
   */
  async #sweep(): Promise<number> {
    const walk = new OutboxWalk(this.leases.owned);
    const until = performance.now() + SWEEP_MS;
    try {
      while (performance.now() < until && !walk.hasFailed && !this.#loop.stopping) {
        if (!(await this.#step(walk))) break;
      }
    } finally {
      await walk.ended();
    }
    walk.check();
    return walk.taken;
  }

  /** Reads a batch and begins its delivery. False: there was so little that the walk is at its end. */
  async #step(walk: OutboxWalk): Promise<boolean> {
    const asked = this.#batchSize;
    const floors = this.#floors.next(walk.shards);
    await this.#lookBack(floors);
    const read = await this.store.read(floors, walk.atHand, asked);
    // A delivery that failed meanwhile comes again, and its keys' next messages after it.
    if (read.rows.length === 0 || walk.hasFailed) return false;
    crashPoint('relay.after-read');
    this.#adaptBatchSize(read.rows);
    const ready = walk.take(read.rows, (row) => this.#mayGo(row, walk.commanded));
    this.#floors.passed(read, walk.heldUp, performance.now());
    walk.accompany(ready, this.#deliver(ready, walk));
    await walk.room(MAX_IN_FLIGHT);
    return read.rows.length >= asked / 4;
  }

  /** Lowers floors that rows have turned up behind. */
  async #lookBack(floors: ReadonlyMap<number, number>): Promise<void> {
    const since = performance.now();
    if (!this.#floors.mustLookBack(since)) return;
    const firsts = await this.store.firstUpTo(floors);
    this.#floors.lookedBack(firsts, since, performance.now());
  }

  /** Towards as many rows as fill a batch; small steps up, because the next rows may be larger. */
  #adaptBatchSize(rows: readonly OutboxRow[]): void {
    const characters = rows.reduce((sum, row) => sum + row.payload.length, 0);
    const fitting = Math.ceil((BATCH_CHARACTERS * rows.length) / Math.max(1, characters));
    this.#batchSize = Math.max(1, Math.min(this.env.RELAY_BATCH, fitting, 4 * this.#batchSize));
  }

  async #readParked(): Promise<void> {
    const parked = await this.store.parkedKeys(this.leases.owned);
    this.#hasParked = parked.length > 0;
    this.#parkedKeys = new Set(parked.filter((key) => key !== null));
  }

  #isParked({ key }: OutboxRow): boolean {
    return key !== null && this.#parkedKeys.has(key);
  }

  async #deliver(rows: readonly OutboxRow[], walk: OutboxWalk): Promise<void> {
    const behind = rows.filter((row) => this.#isParked(row));
    const ready = rows.filter((row) => !this.#isParked(row));
    const failed = await this.#publish(ready, {
      onConfirmed: (confirmed) => this.store.remove(confirmed),
      onUnknown: (error) => {
        walk.fail(error);
      },
    });
    const parked = [...behind, ...failed.map((failure) => failure.row)];
    if (parked.length === 0) return;
    this.#hasParked = true;
    for (const { key } of parked) if (key !== null) this.#parkedKeys.add(key);
    await this.store.park(parked, [
      ...behind.map(() => 'waits behind an earlier message of its key'),
      ...failed.map((failure) => failure.error),
    ]);
  }

  /**
   * A command to a queue that has taken none yet may be refused. So what follows it under its key stays where it is
   * until the command is confirmed or parked, which it is by the next walk.
   */
  #mayGo({ key, exchange, routing_key }: OutboxRow, commanded: Set<string>): boolean {
    if (key === null) return true;
    if (commanded.has(key)) return false;
    if (exchange === COMMANDS_EXCHANGE && !this.#taken.has(routing_key)) commanded.add(key);
    return true;
  }

  /** Learns from what became of commands which queues there are. */
  #learn(confirmed: readonly OutboxRow[], refused: readonly OutboxRow[]): void {
    if (this.#taken.size > MAX_TAKEN) this.#taken.clear();
    for (const row of confirmed) {
      if (row.exchange === COMMANDS_EXCHANGE) this.#taken.add(row.routing_key);
    }
    for (const row of refused) this.#taken.delete(row.routing_key);
  }

  /** Publishes, hands over what was confirmed, and returns what was refused. Throws when the broker is away. */
  async #publish(
    rows: readonly OutboxRow[],
    { onConfirmed, onUnknown }: PublishListener,
  ): Promise<{ row: OutboxRow; error: string }[]> {
    if (rows.length === 0) return [];
    const stopTimer = this.metrics.publishSeconds.startTimer();
    const publishing = this.broker.publish(rows.map(toBrokerMessage));
    crashPointOnceSent('relay.after-publish');
    const outcomes = await publishing;
    crashPoint('relay.after-confirm');
    stopTimer();
    const confirmed = rows.filter((_, index) => outcomes[index] === undefined);
    const failed = rows.flatMap((row, index) => {
      const error = outcomes[index];
      return error ? [{ row, error }] : [];
    });
    const unknown = failed.find(({ error }) => !(error instanceof RefusedError))?.error;
    if (unknown) onUnknown?.(unknown);
    if (confirmed.length > 0) await onConfirmed(confirmed);
    crashPoint('relay.after-delete');
    this.metrics.published.inc(confirmed.length);
    if (unknown) throw unknown;
    this.metrics.failed.inc(failed.length);
    this.#learn(
      confirmed,
      failed.map(({ row }) => row),
    );
    return failed.map(({ row, error }) => ({ row, error: error.message }));
  }

  async #retryParked(): Promise<number> {
    if (!this.#hasParked || performance.now() - this.#retriedAt < PARKED_MS) return 0;
    this.#retriedAt = performance.now();
    const rows = await this.store.parkedDue(this.leases.owned, this.env.RELAY_BATCH);
    const commanded = new Set<string>();
    const due = rows.filter((row) => this.#mayGo(row, commanded));
    const failed = await this.#publish(due, {
      onConfirmed: (confirmed) => this.store.removeParked(confirmed),
    });
    await this.store.postponeParked(
      failed.map((failure) => failure.row),
      failed.map((failure) => failure.error),
    );
    await this.#readParked();
    return due.length - failed.length;
  }
}

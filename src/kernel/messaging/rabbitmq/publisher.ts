import type { PublishOutcome } from '../broker.js';
import type { BrokerConnection, Log } from './broker-connection.js';
import { PublishBatch } from './publish-batch.js';
import { PublishChannel, type WindowLimits } from './publish-channel.js';
import { SessionKeeper } from './session-keeper.js';
import type { Topology } from './topology.js';
import type { Outgoing } from './wire.js';

export interface PublisherLimits extends WindowLimits {
  /** A message whose fate is unknown for so long has failed. */
  readonly publishTimeoutMs: number;
  /** Messages that may wait for room in the window; a call beyond that is refused at once. */
  readonly maxWaiting: number;
}

/**
 * Publishes with pipelined confirms over one channel. While there is no channel, or the broker blocks us, calls
 * wait for it up to the timeout and then fail; nothing is written meanwhile, and what may wait is bounded. A
 * message that timed out may still arrive: the caller repeats it under the same id. So that it cannot be passed by what
 * came after it, what was not written by then fails as well.
 */
export class Publisher {
  readonly #connection: BrokerConnection;
  readonly #limits: PublisherLimits;
  readonly #log: Log;
  readonly #keeper: SessionKeeper<PublishChannel>;
  /** Not answered to their callers, oldest first. */
  readonly #open = new Set<PublishBatch>();
  /** Those of them with messages that were not written yet. */
  readonly #unwritten: PublishBatch[] = [];
  #waiting = 0;
  #isPumpPlanned = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    connection: BrokerConnection,
    topology: Topology,
    { limits, log }: { limits: PublisherLimits; log: Log },
  ) {
    this.#connection = connection;
    this.#limits = limits;
    this.#log = log;
    const onRoom = (): void => {
      this.#planPump();
    };
    const onUnknown = (): void => {
      this.#failUnwritten('RabbitMQ was lost before the messages could be sent');
    };
    const what = 'the publishing channel';
    this.#keeper = new SessionKeeper({ connection, what, log, onOpen: onRoom }, async (line) => {
      // A broker that came back empty, or lost an exchange, must have all queues before the first message.
      await topology.declareAll(line);
      return PublishChannel.open(line, limits, { onRoom, onUnknown });
    });
    connection.onChange(onRoom);
  }

  start(): void {
    this.#keeper.start();
  }

  get opened(): Promise<undefined> {
    return this.#keeper.opened;
  }

  get isUp(): boolean {
    return this.#keeper.current !== undefined;
  }

  async publish(messages: readonly Outgoing[]): Promise<PublishOutcome[]> {
    if (messages.length === 0) return [];
    const refusal = this.#refusal();
    if (refusal) return messages.map(() => refusal);
    const batch = new PublishBatch(messages, this.#limits.publishTimeoutMs);
    this.#open.add(batch);
    this.#unwritten.push(batch);
    this.#waiting += messages.length;
    this.#pump();
    this.#watchTime();
    try {
      return await batch.outcomes;
    } finally {
      this.#open.delete(batch);
    }
  }

  /** Lets the calls under way end, which the timeout bounds, and gives the channel up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#open].map((batch) => batch.outcomes));
    clearTimeout(this.#timer);
    const channel = this.#keeper.current;
    await this.#keeper.stop();
    if (this.#connection.isBlocked) return; // nobody would answer; the connection is dropped as it is
    await channel?.close();
  }

  #refusal(): Error | undefined {
    if (this.#isClosed) return new Error('The broker client is closed');
    if (this.#waiting < this.#limits.maxWaiting) return undefined;
    return new Error(`${String(this.#waiting)} messages wait to be published already`);
  }

  /** One pump for all that one read from the socket confirms, instead of one per confirm. */
  #planPump(): void {
    if (this.#isPumpPlanned || this.#unwritten.length === 0) return;
    this.#isPumpPlanned = true;
    queueMicrotask(() => {
      this.#isPumpPlanned = false;
      this.#pump();
    });
  }

  #pump(): void {
    const channel = this.#keeper.current;
    if (!channel || this.#connection.isBlocked) return;
    for (let batch = this.#unwritten[0]; batch; batch = this.#unwritten[0]) {
      this.#waiting -= batch.writeTo(channel);
      if (batch.unwritten > 0) return;
      this.#unwritten.shift();
    }
  }

  #watchTime(): void {
    if (this.#timer) return;
    const [oldest] = this.#open;
    if (!oldest) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#expire();
      this.#watchTime();
    }, oldest.dueIn());
  }

  #expire(): void {
    for (const batch of this.#open) {
      if (batch.dueIn() > 0) break;
      const reason = this.#timeoutReason();
      if (batch.unwritten > 0) this.#failUnwritten(reason);
      this.#open.delete(batch);
      batch.fail(new Error(reason));
    }
    this.#giveUpOnSilence();
  }

  #failUnwritten(reason: string): void {
    for (const batch of this.#unwritten.splice(0)) {
      this.#waiting -= batch.unwritten;
      this.#open.delete(batch);
      batch.fail(new Error(reason));
    }
  }

  #timeoutReason(): string {
    const after = `within ${String(this.#limits.publishTimeoutMs)} ms`;
    if (!this.isUp) return `RabbitMQ could not be reached ${after}`;
    if (this.#connection.isBlocked) return `RabbitMQ took no messages ${after} (resource alarm)`;
    return `RabbitMQ did not confirm ${after}`;
  }

  /** A channel that answers nothing may have lost its confirms for good; a new one costs only repeated messages. */
  #giveUpOnSilence(): void {
    const channel = this.#keeper.current;
    if (!channel || this.#connection.isBlocked) return;
    if (channel.silentFor < this.#limits.publishTimeoutMs) return;
    this.#log.warn('RabbitMQ confirms nothing; the publishing channel is replaced');
    channel.close().catch((err: unknown) => {
      this.#log.warn({ err }, 'The silent publishing channel ends with its connection');
    });
  }
}

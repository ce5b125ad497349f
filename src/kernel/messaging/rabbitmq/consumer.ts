import type { BrokerConnection, Log } from './broker-connection.js';
import { ConsumerChannel, type ConsumerOptions } from './consumer-channel.js';
import type { Publisher } from './publisher.js';
import { SessionKeeper, within } from './session-keeper.js';
import { ownerOf, type Topology } from './topology.js';

const ATTACH_GRACE_MS = 5_000;

/** A consumer that is wanted: attached now, and again after each loss, on a queue that is declared first. */
export class Consumer {
  readonly queue: string;
  readonly #connection: BrokerConnection;
  readonly #keeper: SessionKeeper<ConsumerChannel>;
  #lastChannel: ConsumerChannel | undefined;
  #isStopped = false;

  constructor(
    connection: BrokerConnection,
    options: ConsumerOptions,
    { publisher, topology, log }: { publisher: Publisher; topology: Topology; log: Log },
  ) {
    this.queue = options.queue;
    this.#connection = connection;
    const redeclare = async (): Promise<void> => {
      const line = connection.current;
      if (!line) return;
      await topology.declareAll(line);
    };
    const what = `the consumer of ${options.queue}`;
    this.#keeper = new SessionKeeper({ connection, what, log }, async (line) => {
      await topology.ensure(line);
      await topology.declare(line, ownerOf(options.queue)); // it may be the reason for attaching again
      return ConsumerChannel.open(line, options, { publisher, redeclare, log });
    });
  }

  /** False while it should be attached and is not. */
  get isFine(): boolean {
    return this.#isStopped || this.#keeper.current !== undefined;
  }

  /** Resolves when it is attached, or when it is clear that this will take longer. */
  async start(): Promise<void> {
    this.#keeper.start();
    if (this.#connection.current) await within(ATTACH_GRACE_MS, this.#keeper.opened);
  }

  /** Resolves when nothing more will be delivered. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#lastChannel = this.#keeper.current;
    await this.#keeper.stop();
    await this.#lastChannel?.stop();
  }

  /** After a stop: resolves when the last delivery at hand was settled, or is lost with its channel. */
  async ended(): Promise<void> {
    await this.#lastChannel?.closed;
  }

  async close(): Promise<void> {
    const channel = this.#lastChannel ?? this.#keeper.current;
    this.#isStopped = true;
    await this.#keeper.stop();
    await channel?.close();
  }
}

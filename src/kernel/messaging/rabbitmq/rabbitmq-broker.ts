import type {
  Broker,
  BrokerMessage,
  Consumption,
  Delivery,
  PublishOutcome,
  QueueDeclaration,
  ReplyQueue,
  RetryDelayMs,
} from '../broker.js';
import { BrokerConnection, type Log } from './broker-connection.js';
import { Consumer } from './consumer.js';
import { Publisher, type PublisherLimits } from './publisher.js';
import { ReplyConsumer } from './reply-consumer.js';
import { within } from './session-keeper.js';
import { onChannel, retryExchange, Topology } from './topology.js';
import { toOutgoing } from './wire.js';

export interface RabbitMqOptions extends Partial<PublisherLimits> {
  readonly url: string;
  readonly logger: Log;
  /** How long start() waits for the first connection. */
  readonly connectGraceMs?: number;
  /** How long close() waits for what is under way. */
  readonly closeTimeoutMs?: number;
}

const DEFAULTS: PublisherLimits = {
  maxUnconfirmed: 2_000,
  maxUnconfirmedBytes: 32 * 1024 * 1024,
  publishTimeoutMs: 10_000,
  maxWaiting: 50_000,
};

/**
 * {@link Broker} on RabbitMQ 3.10 to 4.3 with quorum queues. Publishing and consuming have a connection each, so
 * that a broker which blocks publishers still takes acknowledgements.
 */
export class RabbitMqBroker implements Broker {
  readonly kind = 'rabbitmq';
  readonly #options: RabbitMqOptions;
  readonly #publishing: BrokerConnection;
  readonly #consuming: BrokerConnection;
  readonly #topology = new Topology();
  readonly #publisher: Publisher;
  readonly #consumers = new Set<Consumer>();
  readonly #replies = new Set<ReplyConsumer>();

  constructor(options: RabbitMqOptions) {
    const { url, logger: log } = options;
    this.#options = options;
    this.#publishing = new BrokerConnection(url, 'publishing', log);
    this.#consuming = new BrokerConnection(url, 'consuming', log);
    const limits = { ...DEFAULTS, ...options };
    this.#publisher = new Publisher(this.#publishing, this.#topology, { limits, log });
  }

  async start(): Promise<void> {
    this.#publishing.open();
    this.#consuming.open();
    this.#publisher.start();
    const grace = this.#options.connectGraceMs ?? 5_000;
    const signal = AbortSignal.timeout(grace);
    await within(grace, Promise.all([this.#publisher.opened, this.#consuming.established(signal)]));
    if (!this.#publisher.isUp || !this.#consuming.current) {
      this.#options.logger.warn('RabbitMQ is not reachable yet; it is tried in the background');
    }
  }

  async declare(queues: readonly QueueDeclaration[]): Promise<void> {
    this.#topology.add(queues);
    const connection = this.#consuming.current;
    if (!connection) return; // declared at the next connection, before anything else happens on it
    await this.#topology.ensure(connection);
    for (const { name } of queues) await this.#topology.declare(connection, name);
  }

  publish(messages: readonly BrokerMessage[]): Promise<PublishOutcome[]> {
    return this.#publisher.publish(messages.map(toOutgoing));
  }

  async reply(message: BrokerMessage & { replyTo: string }): Promise<void> {
    const { content, options } = toOutgoing(message);
    const { replyTo: routingKey, ...rest } = options;
    const answer = { exchange: '', routingKey: routingKey ?? '', content };
    const [error] = await this.#publisher.publish([
      { ...answer, options: { ...rest, mandatory: false, persistent: false } },
    ]);
    if (error) throw error;
  }

  async openReplies(onReply: (reply: BrokerMessage) => void): Promise<ReplyQueue> {
    const replies = new ReplyConsumer(this.#consuming, onReply, this.#options.logger);
    this.#replies.add(replies);
    await replies.start();
    return replies;
  }

  async consume(
    queue: string,
    prefetch: number,
    onDelivery: (delivery: Delivery) => void,
  ): Promise<Consumption> {
    const consumer = new Consumer(
      this.#consuming,
      { queue, prefetch, onDelivery },
      {
        publisher: this.#publisher,
        topology: this.#topology,
        log: this.#options.logger,
      },
    );
    this.#consumers.add(consumer);
    await consumer.start();
    return {
      stop: async () => {
        await consumer.stop();
        void consumer.ended().then(() => this.#consumers.delete(consumer));
      },
      release: async () => {
        await consumer.close();
        this.#consumers.delete(consumer);
      },
    };
  }

  async depth(queue: string): Promise<number> {
    const connection = this.#consuming.current;
    if (!connection) throw new Error('RabbitMQ is not connected');
    const { messageCount } = await onChannel(connection, (channel) => channel.checkQueue(queue));
    return messageCount;
  }

  /** Queues share the one where messages wait. */
  async retrying(_queue: string, delayMs: RetryDelayMs): Promise<number> {
    return this.depth(retryExchange(delayMs));
  }

  get canPublish(): boolean {
    return this.#publisher.isUp && !this.#publishing.isBlocked;
  }

  state(): { up: boolean; reason?: string } {
    const detached = [...this.#consumers].filter((consumer) => !consumer.isFine);
    const missing = [
      ...(this.#publisher.isUp ? [] : ['the publishing connection is down']),
      ...(this.#publishing.isBlocked ? ['RabbitMQ blocks publishers (resource alarm)'] : []),
      ...(this.#consuming.current ? [] : ['the consuming connection is down']),
      ...detached.map((consumer) => `no consumer is attached to ${consumer.queue}`),
      ...this.#topology.problems,
    ];
    return missing.length === 0 ? { up: true } : { up: false, reason: missing.join('; ') };
  }

  async close(): Promise<void> {
    const timeout = this.#options.closeTimeoutMs ?? 5_000;
    const consumers = [...this.#consumers, ...this.#replies];
    await within(timeout, Promise.all(consumers.map((consumer) => consumer.close())));
    await within(timeout, this.#publisher.close());
    await within(timeout, Promise.all([this.#consuming.close(), this.#publishing.close()]));
  }
}

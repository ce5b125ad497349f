import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { uuidv7 } from 'uuidv7';
import { crashPoint } from '../../crash-points.js';
import type { Delivery } from '../broker.js';
import { Acknowledger } from './acknowledger.js';
import type { Log } from './broker-connection.js';
import { RabbitMqDelivery, type DeliveryChannel } from './delivery.js';
import { UnroutableError, UnsendableError } from './publish-channel.js';
import type { Publisher } from './publisher.js';
import { endOf, pause, type Session } from './session-keeper.js';
import { DEAD_LETTER_EXCHANGE, ownerOf } from './topology.js';
import { adopted, type Outgoing } from './wire.js';

export interface ConsumerOptions {
  readonly queue: string;
  readonly prefetch: number;
  readonly onDelivery: (delivery: Delivery) => void;
}

export interface ConsumerContext {
  readonly publisher: Publisher;
  /** Declares the queue, its dead letters and the retry queues again. */
  readonly redeclare: () => Promise<void>;
  readonly log: Log;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** A consumer on a channel of its own, with the deliveries that came over it; they can be settled only on it. */
export class ConsumerChannel implements Session, DeliveryChannel {
  readonly closed: Promise<void>;
  readonly #channel: Channel;
  readonly #options: ConsumerOptions;
  readonly #context: ConsumerContext;
  readonly #acks: Acknowledger;
  readonly #end = new AbortController();
  #consumerTag = '';
  #isCancelled = false;
  #closing: Promise<void> | undefined;

  static async open(
    connection: ChannelModel,
    options: ConsumerOptions,
    context: ConsumerContext,
  ): Promise<ConsumerChannel> {
    const channel = await connection.createChannel();
    const session = new ConsumerChannel(channel, options, context);
    await session.#attach();
    return session;
  }

  private constructor(channel: Channel, options: ConsumerOptions, context: ConsumerContext) {
    this.#channel = channel;
    this.#options = options;
    this.#context = context;
    this.#acks = new Acknowledger(
      (tag, allUpTo) => {
        channel.ack({ fields: { deliveryTag: tag } } as ConsumeMessage, allUpTo);
      },
      () => {
        this.#closeWhenDone();
      },
    );
    this.closed = endOf(channel, (err) => {
      context.log.warn({ err }, `The consumer of ${options.queue} lost its channel`);
    });
    channel.once('close', () => {
      this.#end.abort();
    });
  }

  get queue(): string {
    return this.#options.queue;
  }

  /** Deliveries can be settled over it. */
  get isUsable(): boolean {
    return this.#isUsable();
  }

  async #attach(): Promise<void> {
    await this.#channel.prefetch(this.#options.prefetch);
    const { consumerTag } = await this.#channel.consume(this.queue, (message) => {
      if (message) this.#receive(message);
      else this.#lostQueue();
    });
    this.#consumerTag = consumerTag;
  }

  /** No new deliveries after this; the channel ends when those at hand are settled. */
  async stop(): Promise<void> {
    if (this.#isUsable()) {
      try {
        await this.#channel.cancel(this.#consumerTag);
      } catch (error) {
        if (this.#isUsable()) throw error; // else it is stopped by the end of its channel
      }
    }
    this.#isCancelled = true;
    this.#closeWhenDone();
  }

  /** Deliveries that were not settled return to the queue. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  acknowledge(tag: number): Promise<void> {
    if (!this.#isUsable()) return Promise.reject(this.#tooLate());
    return this.#acks.acknowledge(tag);
  }

  /**
   * Publishes the message to its next place and then acknowledges it here, so that a crash between the two
   * repeats it. Goes on trying while the broker takes nothing; the message is safe here meanwhile.
   */
  async move(
    tag: number,
    next: Outgoing,
    onTooLarge = (error: Error) => this.#reject(tag, error),
  ): Promise<void> {
    for (let waitMs = FIRST_PAUSE_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_PAUSE_MS)) {
      if (!this.#isUsable()) throw this.#tooLate();
      const [error] = await this.#context.publisher.publish([next]);
      if (!error) {
        crashPoint(
          next.exchange === DEAD_LETTER_EXCHANGE
            ? 'dead-letter.after-publish'
            : 'retry.after-publish',
        );
        return this.acknowledge(tag);
      }
      if (error instanceof UnsendableError) return onTooLarge(error);
      this.#context.log.warn({ err: error }, `Could not move a message of ${this.queue} yet`);
      await pause(waitMs, this.#end.signal);
      if (error instanceof UnroutableError && this.#isUsable()) await this.#redeclare();
    }
  }

  #receive(message: ConsumeMessage): void {
    const tag = message.fields.deliveryTag;
    this.#acks.delivered(tag);
    if (!message.properties.messageId) {
      this.#adopt(message).catch((error: unknown) => {
        this.#context.log.warn({ err: error }, `A message without id returns to ${this.queue}`);
      });
      return;
    }
    this.#options.onDelivery(new RabbitMqDelivery(this, message));
  }

  /**
   * No queue lies behind the dead letters, so one whose headers fill more than a frame would be lost by a rejection: it
   * is delivered, with another id each time.
   */
  #adopt(message: ConsumeMessage): Promise<void> {
    const tag = message.fields.deliveryTag;
    const id = uuidv7();
    const next = adopted(message, this.queue, id);
    if (ownerOf(this.queue) === this.queue) return this.move(tag, next);
    return this.move(tag, next, () => {
      const properties = { ...message.properties, messageId: id };
      this.#options.onDelivery(new RabbitMqDelivery(this, { ...message, properties }));
    });
  }

  /** Its headers fill more than a frame, so no copy can be sent: the broker must move it by itself. */
  #reject(tag: number, error: Error): void {
    this.#context.log.error(
      { err: error },
      `A message of ${this.queue} goes to the dead letters as it is`,
    );
    this.#channel.reject({ fields: { deliveryTag: tag } } as ConsumeMessage, false);
    this.#acks.settledElsewhere(tag);
    this.#closeWhenDone();
  }

  #lostQueue(): void {
    this.#context.log.warn(`The queue ${this.queue} was deleted under its consumer`);
    this.#closeAside();
  }

  /** Whoever deleted the dead letters or a retry queue must not make us lose a message. */
  async #redeclare(): Promise<void> {
    try {
      await this.#context.redeclare();
    } catch (err) {
      this.#context.log.warn({ err }, `Could not declare ${this.queue} again`);
    }
  }

  #closeWhenDone(): void {
    if (this.#isCancelled && this.#acks.atHand === 0) this.#closeAside();
  }

  #closeAside(): void {
    this.close().catch((err: unknown) => {
      this.#context.log.warn({ err }, `The channel of ${this.queue} did not close in good order`);
    });
  }

  async #close(): Promise<void> {
    await this.#acks.flushed;
    if (!this.#end.signal.aborted) await this.#channel.close();
  }

  #isUsable(): boolean {
    return !this.#end.signal.aborted && !this.#closing;
  }

  #tooLate(): Error {
    return new Error(`The channel of this delivery is closed; ${this.queue} delivers it again`);
  }
}

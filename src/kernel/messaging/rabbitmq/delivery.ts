import type { ConsumeMessage } from 'amqplib';
import type { BrokerMessage, Delivery, RetryDelayMs } from '../broker.js';
import { DEAD_LETTER_EXCHANGE, ownerOf, retryExchange } from './topology.js';
import { attemptOf, buried, readdressed, retryHeaders, toMessage, type Outgoing } from './wire.js';

/** The channel that a delivery came over. Everything rejects once it is closed. */
export interface DeliveryChannel {
  readonly queue: string;
  readonly isUsable: boolean;
  acknowledge(tag: number): Promise<void>;
  /** Publishes the message to its next place, and acknowledges it here when it is there. */
  move(tag: number, next: Outgoing): Promise<void>;
}

/**
 * One arrival. A settlement that rejects changes nothing: the message arrives again over another channel. An
 * acknowledgement has no answer in AMQP; it counts once it is handed to the connection, and is lost with it.
 */
export class RabbitMqDelivery implements Delivery {
  readonly #channel: DeliveryChannel;
  readonly #delivered: ConsumeMessage;
  #message: BrokerMessage | undefined;
  #isSettled = false;

  constructor(channel: DeliveryChannel, delivered: ConsumeMessage) {
    this.#channel = channel;
    this.#delivered = delivered;
  }

  get queue(): string {
    return this.#channel.queue;
  }

  get message(): BrokerMessage {
    return (this.#message ??= toMessage(this.#delivered));
  }

  get attempt(): number {
    return attemptOf(this.#delivered);
  }

  get isLost(): boolean {
    return !this.#channel.isUsable;
  }

  ack(): Promise<void> {
    return this.#settle((tag) => this.#channel.acknowledge(tag));
  }

  retry(delayMs: RetryDelayMs, error: string, nextAttempt = this.attempt + 1): Promise<void> {
    return this.#settle((tag) => {
      const to = { exchange: retryExchange(delayMs), routingKey: this.queue };
      const headers = retryHeaders(this.#delivered, {
        error,
        attempt: nextAttempt,
        now: new Date(),
      });
      return this.#channel.move(tag, readdressed(this.#delivered, to, headers));
    });
  }

  deadLetter(reason: string): Promise<void> {
    return this.#settle((tag) => {
      const to = { exchange: DEAD_LETTER_EXCHANGE, routingKey: ownerOf(this.queue) };
      return this.#channel.move(tag, buried(this.#delivered, to, reason));
    });
  }

  /** No async function: ten thousands of acknowledgements a second share one promise per flush. */
  #settle(how: (tag: number) => Promise<void>): Promise<void> {
    if (this.#isSettled) {
      return Promise.reject(new Error(`The delivery ${this.message.id} is settled already`));
    }
    this.#isSettled = true;
    return how(this.#delivered.fields.deliveryTag);
  }
}

import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import { type PublishOutcome, RefusedError } from '../broker.js';
import { endOf, type Session } from './session-keeper.js';
import type { Outgoing } from './wire.js';

export interface WindowLimits {
  /** Messages that may await their confirm at once. */
  readonly maxUnconfirmed: number;
  /** The same in bytes of payload; a single larger message may still go alone. */
  readonly maxUnconfirmedBytes: number;
}

export interface ChannelListener {
  readonly onRoom: () => void;
  /** It ended, and nobody will know what became of messages that were written. */
  readonly onUnknown: () => void;
}

/**
 * A confirm channel and its window of unconfirmed messages. Each message written is settled exactly once: by the
 * broker's confirm or refusal, or with an error when the channel ends, because then nobody knows.
 */
export class PublishChannel implements Session {
  readonly closed: Promise<void>;
  readonly #channel: ConfirmChannel;
  readonly #limits: WindowLimits;
  readonly #onRoom: () => void;
  /** Returned and not yet confirmed, by address and id. RabbitMQ sends the return before the confirm. */
  readonly #returned = new Map<string, number>();
  #unconfirmed = 0;
  #unconfirmedBytes = 0;
  #isChoked = false;
  #isOpen = true;
  #answeredAt = 0;

  static async open(
    connection: ChannelModel,
    limits: WindowLimits,
    listener: ChannelListener,
  ): Promise<PublishChannel> {
    const options = { highWaterMark: 2 * limits.maxUnconfirmed };
    return new PublishChannel(await connection.createConfirmChannel(options), limits, listener);
  }

  private constructor(channel: ConfirmChannel, limits: WindowLimits, listener: ChannelListener) {
    this.#channel = channel;
    this.#limits = limits;
    this.#onRoom = listener.onRoom;
    this.closed = endOf(channel, () => {
      this.#isOpen = false;
    });
    // Before amqplib's own listener, which settles what is unconfirmed.
    channel.prependOnceListener('close', () => {
      this.#isOpen = false;
      if (this.#unconfirmed > 0) listener.onUnknown();
    });
    channel.on('return', (message) => {
      this.#noteReturn(message);
    });
    channel.on('drain', () => {
      this.#isChoked = false;
      this.#onRoom();
    });
  }

  get hasRoom(): boolean {
    return (
      this.#isOpen &&
      !this.#isChoked &&
      this.#unconfirmed < this.#limits.maxUnconfirmed &&
      this.#unconfirmedBytes < this.#limits.maxUnconfirmedBytes
    );
  }

  /** How long the broker has owed an answer, in milliseconds. */
  get silentFor(): number {
    return this.#unconfirmed === 0 ? 0 : performance.now() - this.#answeredAt;
  }

  /** Call only while there is room. */
  write(message: Outgoing, settle: (outcome: PublishOutcome) => void): void {
    const size = message.content.length;
    try {
      // `false` says that the buffer is full, and also that it has taken this message.
      this.#isChoked = !this.#channel.publish(
        message.exchange,
        message.routingKey,
        message.content,
        message.options,
        (error: unknown) => {
          this.#unconfirmed -= 1;
          this.#unconfirmedBytes -= size;
          this.#answeredAt = performance.now();
          settle(this.#outcomeOf(message, error));
          this.#onRoom();
        },
      );
    } catch (error) {
      settle(unwritten(error));
      return;
    }
    if (this.#unconfirmed === 0) this.#answeredAt = performance.now();
    this.#unconfirmed += 1;
    this.#unconfirmedBytes += size;
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#channel.close();
  }

  #noteReturn({ fields, properties }: Message): void {
    const key = returnKey(fields.exchange, fields.routingKey, String(properties.messageId));
    this.#returned.set(key, (this.#returned.get(key) ?? 0) + 1);
  }

  /** A refusal leaves the channel open; an error on a closed channel tells nothing about the message. */
  #failure(error: unknown): Error {
    const reason = `RabbitMQ did not confirm the message: ${reasonOf(error)}`;
    return this.#isOpen ? new RefusedError(reason) : new Error(reason);
  }

  #outcomeOf(message: Outgoing, error: unknown): PublishOutcome {
    if (error) return this.#failure(error);
    if (this.#returned.size === 0 || !message.options.mandatory) return undefined;
    const { exchange, routingKey, options } = message;
    const key = returnKey(exchange, routingKey, String(options.messageId));
    const times = this.#returned.get(key);
    if (times === undefined) return undefined;
    if (times === 1) this.#returned.delete(key);
    else this.#returned.set(key, times - 1);
    return new UnroutableError(exchange, routingKey);
  }
}

/** No queue takes the message. */
export class UnroutableError extends RefusedError {
  override readonly name = 'UnroutableError';
  constructor(exchange: string, routingKey: string) {
    super(`unroutable: no queue takes ${routingKey} of ${exchange}`);
  }
}

/** The message cannot be put into frames: its headers fill more than one, or a short text is longer than 255 bytes. */
export class UnsendableError extends RefusedError {
  override readonly name = 'UnsendableError';
}

/** amqplib throws a RangeError or a TypeError for what it cannot encode; else the channel ended this instant. */
function unwritten(error: unknown): Error {
  if (error instanceof RangeError || error instanceof TypeError) {
    return new UnsendableError(error.message);
  }
  return error instanceof Error ? error : new Error(String(error));
}

function returnKey(exchange: string, routingKey: string, id: string): string {
  return `${exchange}\0${routingKey}\0${id}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

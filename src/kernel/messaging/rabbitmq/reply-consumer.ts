import type { Channel, ChannelModel } from 'amqplib';
import { uuidv7 } from 'uuidv7';
import type { BrokerMessage, ReplyQueue } from '../broker.js';
import type { BrokerConnection, Log } from './broker-connection.js';
import { endOf, type Session, SessionKeeper, within } from './session-keeper.js';
import { toMessage } from './wire.js';

const OPEN_GRACE_MS = 5_000;

type OnReply = (reply: BrokerMessage) => void;

/**
 * Keeps a reply queue open. Each connection gets one of another name, because RabbitMQ may still hold that of a
 * connection which it does not know to be dead.
 */
export class ReplyConsumer implements ReplyQueue {
  readonly #connection: BrokerConnection;
  readonly #keeper: SessionKeeper<ReplyChannel>;

  constructor(connection: BrokerConnection, onReply: OnReply, log: Log) {
    this.#connection = connection;
    this.#keeper = new SessionKeeper({ connection, what: 'the reply queue', log }, (line) =>
      ReplyChannel.open(line, onReply, log),
    );
  }

  get name(): string | undefined {
    return this.#keeper.current?.queue;
  }

  /** Resolves when it is open, or when it is clear that this will take longer. */
  async start(): Promise<void> {
    this.#keeper.start();
    if (this.#connection.current) await within(OPEN_GRACE_MS, this.#keeper.opened);
  }

  async close(): Promise<void> {
    const channel = this.#keeper.current;
    await this.#keeper.stop();
    await channel?.close();
  }
}

/** An exclusive queue, so that RabbitMQ deletes it with its connection, and its only consumer. */
class ReplyChannel implements Session {
  readonly queue = `replies.${uuidv7()}`;
  readonly closed: Promise<void>;
  readonly #channel: Channel;
  #isClosed = false;

  static async open(connection: ChannelModel, onReply: OnReply, log: Log): Promise<ReplyChannel> {
    const session = new ReplyChannel(await connection.createChannel(), log);
    await session.#attach(onReply, log);
    return session;
  }

  private constructor(channel: Channel, log: Log) {
    this.#channel = channel;
    this.closed = endOf(channel, (err) => {
      log.warn({ err }, 'The reply queue lost its channel');
    });
    channel.once('close', () => {
      this.#isClosed = true;
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#channel.close();
  }

  async #attach(onReply: OnReply, log: Log): Promise<void> {
    const { queue } = this;
    await this.#channel.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false });
    const take = (delivered: Parameters<Parameters<Channel['consume']>[1]>[0]): void => {
      if (delivered) return onReply(toMessage(delivered));
      this.close().catch((err: unknown) => {
        log.warn({ err }, 'The channel of a deleted reply queue did not close in good order');
      });
    };
    await this.#channel.consume(queue, take, { noAck: true }); // replies come at most once
  }
}

import { type Channel, type ChannelModel, connect } from 'amqplib';

const ACK_EVERY = 500;
const ACK_AFTER_MS = 20;

/** A durable quorum queue of the bench. */
export async function declareQueue(
  channel: Channel,
  queue: string,
  binding: { exchange: string; routingKey: string },
): Promise<void> {
  await channel.assertExchange(binding.exchange, 'topic', { durable: true });
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(queue, binding.exchange, binding.routingKey);
}

/** A subscriber to an event: counts what arrives, and keeps a checksum of the tasks it arrived for. */
export class EventCounter {
  count = 0;
  /** Exclusive or of the last 32 bits of the task ids: a lost event and a doubled one do not cancel out. */
  checksum = 0;
  readonly #connection: ChannelModel;
  readonly #channel: Channel;
  readonly #onProgress: (count: number) => void;
  #lastTag = 0;
  #unacknowledged = 0;
  #timer: NodeJS.Timeout | undefined;

  static async subscribe(
    amqpUrl: string,
    routingKey: string,
    onProgress: (count: number) => void,
  ): Promise<EventCounter> {
    const connection = await connect(amqpUrl);
    const channel = await connection.createChannel();
    const queue = `bench.${routingKey}`;
    await declareQueue(channel, queue, { exchange: 'millrace.events', routingKey });
    await channel.prefetch(8 * ACK_EVERY);
    const counter = new EventCounter(connection, channel, onProgress);
    await channel.consume(queue, (message) => {
      if (!message) throw new Error(`The queue ${queue} was deleted`);
      const { headers } = message.properties;
      counter.#take(message.fields.deliveryTag, String(headers?.['cloudEvents:subject'] ?? ''));
    });
    return counter;
  }

  private constructor(
    connection: ChannelModel,
    channel: Channel,
    onProgress: (count: number) => void,
  ) {
    this.#connection = connection;
    this.#channel = channel;
    this.#onProgress = onProgress;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#connection.close();
  }

  #take(tag: number, taskId: string): void {
    this.count += 1;
    this.checksum ^= Number.parseInt(taskId.slice(-8), 16);
    this.#lastTag = tag;
    this.#unacknowledged += 1;
    if (this.#unacknowledged >= ACK_EVERY) this.#acknowledge();
    else this.#timer ??= setTimeout(() => this.#acknowledge(), ACK_AFTER_MS);
  }

  #acknowledge(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unacknowledged = 0;
    this.#channel.ack({ fields: { deliveryTag: this.#lastTag } } as never, true);
    this.#onProgress(this.count);
  }
}

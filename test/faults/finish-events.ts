import { type AmqpConnectionManager, connect } from 'amqp-connection-manager';
import type { ConfirmChannel } from 'amqplib';

const EXCHANGE = 'millrace.events';
const FINAL = ['tasks.task-succeeded.v1', 'tasks.task-failed.v1', 'tasks.task-cancelled.v1'];

/** A subscriber of another team: a durable queue of its own, bound to the events that tell the end of a task. */
export class FinishEvents {
  /** Every arrival, repeated ones included. */
  deliveries = 0;
  /** When the queue was bound for the last time; a broker that lost its disk forgot what came before. */
  boundAt = new Date(0);
  /** Ids of the messages about each task. */
  readonly #messages = new Map<string, Set<string>>();
  readonly #connection: AmqpConnectionManager;

  private constructor(url: string) {
    this.#connection = connect(url, { reconnectTimeInSeconds: 0.2, heartbeatIntervalInSeconds: 5 });
    this.#connection.on('connectFailed', () => undefined); // it tries on; nobody is to be told
  }

  static async subscribe(url: string, queue: string): Promise<FinishEvents> {
    const events = new FinishEvents(url);
    const setup = (channel: ConfirmChannel) => events.#attach(channel, queue);
    await events.#connection.createChannel({ setup }).waitForConnect();
    return events;
  }

  /** Different messages per task. */
  countOf(taskId: string): number {
    return this.#messages.get(taskId)?.size ?? 0;
  }

  get tasks(): number {
    return this.#messages.size;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #attach(channel: ConfirmChannel, queue: string): Promise<void> {
    await channel.assertExchange(EXCHANGE, 'topic', { durable: true });
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    for (const type of FINAL) await channel.bindQueue(queue, EXCHANGE, type);
    this.boundAt = new Date();
    await channel.prefetch(1_000);
    await channel.consume(queue, (message) => {
      if (!message) return;
      this.deliveries += 1;
      const { task_id: id } = JSON.parse(message.content.toString()) as { task_id: string };
      const known = this.#messages.get(id) ?? new Set();
      this.#messages.set(id, known.add(String(message.properties.messageId)));
      channel.ack(message);
    });
  }
}

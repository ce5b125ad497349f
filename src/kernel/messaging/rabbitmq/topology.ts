import type { Channel, ChannelModel, Options } from 'amqplib';
import {
  COMMANDS_EXCHANGE,
  DEAD_LETTERS_SUFFIX,
  EVENTS_EXCHANGE,
  RETRY_DELAYS_MS,
  type QueueDeclaration,
  type RetryDelayMs,
} from '../broker.js';

export const DEAD_LETTER_EXCHANGE = 'millrace.dlx';
/** A guard against messages that kill their consumer; ordinary retries never count towards it. */
const DELIVERY_LIMIT = 20;
const PRECONDITION_FAILED = 406;

/** Name of the queue that keeps what this one could not handle. */
export function deadLettersOf(queue: string): string {
  return `${queue}${DEAD_LETTERS_SUFFIX}`;
}

/** The queue whose dead letters these are, or the queue itself. */
export function ownerOf(queue: string): string {
  return queue.endsWith(DEAD_LETTERS_SUFFIX) ? queue.slice(0, -DEAD_LETTERS_SUFFIX.length) : queue;
}

/** Name of the exchange and of the queue that hold a message for the delay: `retry.30s`, `retry.2m`. */
export function retryExchange(delayMs: RetryDelayMs): string {
  const seconds = delayMs / 1_000;
  return seconds < 60 ? `retry.${String(seconds)}s` : `retry.${String(seconds / 60)}m`;
}

/**
 * Every queue that this process wants, and how it is declared on RabbitMQ 3.10 to 4.3; docs/adr/0010 tells why.
 * Declaring is idempotent. A queue that exists with other arguments is left alone and reported as a problem,
 * because deleting it is an operator's decision.
 */
export class Topology {
  readonly #wanted = new Map<string, QueueDeclaration>();
  readonly #problems = new Map<string, string>();
  readonly #declared = new WeakMap<ChannelModel, Promise<void>>();

  /** What could not be declared, and why. */
  get problems(): readonly string[] {
    return [...this.#problems.values()];
  }

  add(queues: readonly QueueDeclaration[]): void {
    for (const queue of queues) {
      const known = this.#wanted.get(queue.name);
      const bindings = new Map(
        [...(known?.bindings ?? []), ...queue.bindings].map((binding) => [
          `${binding.exchange} ${binding.routingKey}`,
          binding,
        ]),
      );
      const ordered = queue.ordered ?? known?.ordered ?? false;
      this.#wanted.set(queue.name, { name: queue.name, bindings: [...bindings.values()], ordered });
    }
  }

  /** Declares everything once per connection. Rejects when the connection is lost meanwhile. */
  async ensure(connection: ChannelModel): Promise<void> {
    let declared = this.#declared.get(connection);
    if (!declared) {
      declared = this.declareAll(connection);
      this.#declared.set(connection, declared);
      declared.catch(() => this.#declared.delete(connection));
    }
    await declared;
  }

  /** Declares a queue that was added before, with its dead letters. Rejects when the broker does not have it so. */
  async declare(connection: ChannelModel, queue: string): Promise<void> {
    const wanted = this.#wanted.get(queue);
    if (!wanted) return;
    try {
      await onChannel(connection, (channel) => declareQueue(channel, wanted));
      this.#problems.delete(queue);
    } catch (error) {
      if (codeOf(error) === PRECONDITION_FAILED) this.#problems.set(queue, String(error));
      throw error;
    }
  }

  /** Declares everything now. */
  async declareAll(connection: ChannelModel): Promise<void> {
    await onChannel(connection, declareExchanges);
    for (const queue of this.#wanted.keys()) {
      try {
        await this.declare(connection, queue);
      } catch (error) {
        // One queue with the wrong arguments must not keep the others away; state() tells of it.
        if (codeOf(error) !== PRECONDITION_FAILED) throw error;
      }
    }
  }
}

/** Runs the work on a channel of its own, because a refusal closes the channel. */
export async function onChannel<T>(
  connection: ChannelModel,
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  const channel = await connection.createChannel();
  const end = new AbortController();
  channel.once('close', () => {
    end.abort();
  });
  channel.on('error', () => undefined); // the pending call rejects with the same error
  try {
    return await work(channel);
  } finally {
    if (!end.signal.aborted) await channel.close();
  }
}

async function declareExchanges(channel: Channel): Promise<void> {
  for (const name of [EVENTS_EXCHANGE, COMMANDS_EXCHANGE, DEAD_LETTER_EXCHANGE]) {
    await channel.assertExchange(name, 'topic', { durable: true });
  }
  for (const delayMs of RETRY_DELAYS_MS) await declareRetry(channel, delayMs);
}

/**
 * Without a dead-letter routing key a message whose time is up keeps the one it came with, the name of its queue,
 * by which the default exchange returns it.
 */
async function declareRetry(channel: Channel, delayMs: RetryDelayMs): Promise<void> {
  const name = retryExchange(delayMs);
  await channel.assertExchange(name, 'fanout', { durable: true });
  await channel.assertQueue(
    name,
    quorum({ ...SAFE_DEAD_LETTERING, 'x-message-ttl': delayMs, 'x-dead-letter-exchange': '' }),
  );
  await channel.bindQueue(name, name, '');
}

async function declareQueue(channel: Channel, queue: QueueDeclaration): Promise<void> {
  const deadLetters = deadLettersOf(queue.name);
  await channel.assertQueue(deadLetters, quorum({}));
  await channel.bindQueue(deadLetters, DEAD_LETTER_EXCHANGE, queue.name);
  await channel.assertQueue(queue.name, { durable: true, arguments: queueArguments(queue) });
  for (const { exchange, routingKey } of queue.bindings) {
    await channel.bindQueue(queue.name, exchange, routingKey);
  }
}

/** The message leaves its queue only when the next one has confirmed it; needs the overflow behaviour beside it. */
const SAFE_DEAD_LETTERING = {
  'x-dead-letter-strategy': 'at-least-once',
  'x-overflow': 'reject-publish',
} as const;

export type QueueArguments = Readonly<Record<string, string | number | boolean>>;

function quorum(more: QueueArguments): Options.AssertQueue {
  return { durable: true, arguments: { 'x-queue-type': 'quorum', ...more } };
}

/** What the queue of a scope is declared with; a foreign client that declares it, too, must say the same. */
export function queueArguments({ name, ordered }: QueueDeclaration): QueueArguments {
  return {
    'x-queue-type': 'quorum',
    ...SAFE_DEAD_LETTERING,
    'x-delivery-limit': DELIVERY_LIMIT,
    'x-dead-letter-exchange': DEAD_LETTER_EXCHANGE,
    'x-dead-letter-routing-key': name,
    ...(ordered ? { 'x-single-active-consumer': true } : {}),
  };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

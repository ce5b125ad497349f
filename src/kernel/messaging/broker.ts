import type { Buffer } from 'node:buffer';

export const EVENTS_EXCHANGE = 'millrace.events';
export const COMMANDS_EXCHANGE = 'millrace.commands';

/** Ends the name of the queue that takes the dead letters of another. */
export const DEAD_LETTERS_SUFFIX = '.dlq';

export type Headers = Readonly<Record<string, string>>;

/** A message as a broker carries it. `id` is its identity for ever: through retries, redeliveries and redrives. */
export interface BrokerMessage {
  readonly id: string;
  readonly exchange: typeof EVENTS_EXCHANGE | typeof COMMANDS_EXCHANGE;
  readonly routingKey: string;
  readonly headers: Headers;
  readonly contentType: string;
  readonly payload: Buffer;
  /**
   * For publishing: straight into this queue, whoever else would get a message of this address. The receiver sees the
   * address as it is here. No such queue: "unroutable".
   */
  readonly toQueue?: string;
  /** Queue that waits for an answer, and the asker's own mark on it. */
  readonly replyTo?: string;
  readonly correlationId?: string;
}

/** A queue and the routing keys (topic patterns) that lead into it. */
export interface QueueDeclaration {
  readonly name: string;
  readonly bindings: readonly { exchange: string; routingKey: string }[];
  /**
   * One consumer at a time is served, over all processes; when it goes, another one takes over at once and gets first
   * what the former had not settled. A queue keeps for life what it was made with.
   */
  readonly ordered?: boolean;
}

/** Delays that a broker offers for another attempt, in milliseconds. Longer ones belong to the delayed outbox. */
export const RETRY_DELAYS_MS = [1_000, 5_000, 30_000, 120_000, 600_000] as const;
export type RetryDelayMs = (typeof RETRY_DELAYS_MS)[number];

/** One arrival of a message. Settle it exactly once; each settlement resolves when the broker has it for sure. */
export interface Delivery {
  readonly queue: string;
  /** A foreign message may lack an id; the broker gives it one before it is delivered, so that redeliveries keep it. */
  readonly message: BrokerMessage;
  /** 1 on the first arrival; counts our own retries, not the broker's redeliveries. */
  readonly attempt: number;
  /** It can no longer be settled: the message arrives again, or has done so already. */
  readonly isLost: boolean;
  ack(): Promise<void>;
  /** Brings the message back to this queue after the delay, with its next attempt and the error in its headers. */
  retry(delayMs: RetryDelayMs, error: string, nextAttempt?: number): Promise<void>;
  /** Moves the message to the dead letters of this queue (`<queue>.dlq`) with the reason and the instant in its headers. */
  deadLetter(reason: string): Promise<void>;
}

export interface Consumption {
  /** Stops new deliveries; those at hand can still be settled. */
  stop(): Promise<void>;
  /** Stops new deliveries and gives those at hand back to the queue, in their old places. */
  release(): Promise<void>;
}

/** Where replies to one process arrive. It ends with the process, however that ends. */
export interface ReplyQueue {
  /** For `replyTo`; undefined while the broker cannot be reached. After a lost connection it may be another one. */
  readonly name: string | undefined;
  close(): Promise<void>;
}

/**
 * The broker is there but does not take this message: no queue wants it, its queue is full, it is too large.
 * Sending others may well succeed.
 */
export class RefusedError extends Error {
  override readonly name: string = 'RefusedError';
}

/**
 * Undefined: the broker has the message durably. A {@link RefusedError} is about this message; any other error
 * means that the broker cannot be reached, and then nobody knows.
 */
export type PublishOutcome = undefined | Error;

/**
 * Durable queues behind topic exchanges. Two implementations, RabbitMQ and Postgres, pass one contract suite.
 *
 * Delivery is at least once. After a lost connection an implementation reconnects by itself, declares every
 * queue again and re-attaches every consumer. Settling a delivery of the older connection either still works or
 * rejects; in the second case the message arrives again.
 */
export interface Broker {
  readonly kind: 'rabbitmq' | 'postgres';

  /** Connects in the background; resolves at the first connection, or when it is clear that it will take longer. */
  start(): Promise<void>;

  /** Makes the queues exist, now and after every reconnect. */
  declare(queues: readonly QueueDeclaration[]): Promise<void>;

  /**
   * Publishes in order, that of calls made at once included, and resolves when every message is confirmed or
   * refused, one outcome per message. When the fate of one is unknown, whatever the calls made till then have not sent
   * yet is not sent any more, and unknown as well: so nothing passes it before its caller can repeat it.
   * A command that no queue takes is an error ("unroutable"); an event that nobody subscribed to is not.
   */
  publish(messages: readonly BrokerMessage[]): Promise<readonly PublishOutcome[]>;

  /** Answers the asker of a message straight into its reply queue, at most once. */
  reply(message: BrokerMessage & { replyTo: string }): Promise<void>;

  /**
   * Opens a queue for replies to this process and hands over what arrives, at most once: a lost connection loses what is
   * under way. It goes when it is closed, and a little later when the process died.
   */
  openReplies(onReply: (reply: BrokerMessage) => void): Promise<ReplyQueue>;

  /** At most `prefetch` unsettled deliveries are at hand at any time. */
  consume(
    queue: string,
    prefetch: number,
    onDelivery: (delivery: Delivery) => void,
  ): Promise<Consumption>;

  /** Messages that wait in the queue, without those at hand. */
  depth(queue: string): Promise<number>;

  /** Messages that come back to the queue after that delay; at the most, because those of others may be counted. */
  retrying(queue: string, delayMs: RetryDelayMs): Promise<number>;

  /** False while publishing would only wait: not connected, or the broker blocks publishers. */
  readonly canPublish: boolean;

  /** For health: connected, and every consumer attached. `reason` says what is missing. */
  state(): { readonly up: boolean; readonly reason?: string };

  /** Call after every consumption was stopped and settled. Waits for outstanding confirms. */
  close(): Promise<void>;
}

/** Injection token of the process's {@link Broker}. */
export const BROKER = Symbol('millrace:broker');

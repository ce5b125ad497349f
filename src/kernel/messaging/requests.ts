import type { Broker, BrokerMessage, ReplyQueue } from './broker.js';

export interface RequestOptions {
  /** Default 5,000. */
  readonly timeoutMs?: number;
  /** Whoever gives the answer up makes room for others. */
  readonly signal?: AbortSignal;
}

export interface RequestsOptions {
  /** Questions that may wait at once; one more is refused. Default 1,000. */
  readonly maxWaiting?: number;
  /** A reply came that nobody waits for any more. */
  readonly onLate?: () => void;
}

type Waiting = Pick<PromiseWithResolvers<BrokerMessage>, 'resolve' | 'reject'>;

const TIMEOUT_MS = 5_000;
const MAX_WAITING = 1_000;

/** No reply came in time. The message may have been handled all the same, or will be. */
export class NoReplyError extends Error {
  override readonly name = 'NoReplyError';
}

/**
 * Questions and answers by message, over one reply queue that is opened with the first question. A question is sent at
 * once, never through the outbox, and not again; its reply comes at most once.
 */
export class Requests {
  readonly #waiting = new Map<string, Waiting>();
  #opening: Promise<ReplyQueue> | undefined;
  #isClosed = false;

  constructor(
    private readonly broker: Broker,
    private readonly options: RequestsOptions = {},
  ) {}

  /**
   * Sends the message and resolves to its reply. Rejects at once when too many wait already, the broker cannot be
   * reached or blocks publishers, or it refuses the message (no queue takes it); with {@link NoReplyError} after the
   * timeout.
   */
  async ask(
    message: BrokerMessage,
    { timeoutMs = TIMEOUT_MS, signal }: RequestOptions = {},
  ): Promise<BrokerMessage> {
    this.#checkRoom();
    const { promise, resolve, reject } = Promise.withResolvers<BrokerMessage>();
    const timer = setTimeout(() => {
      const after = `within ${String(timeoutMs)} ms`;
      reject(new NoReplyError(`No reply to ${message.routingKey} ${after}`));
    }, timeoutMs);
    const giveUp = (): void => {
      reject(new NoReplyError('The question was given up'));
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    this.#waiting.set(message.id, { resolve, reject });
    this.#send(message).catch(reject);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      this.#waiting.delete(message.id);
    }
  }

  /** Questions that wait for their reply. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Rejects what waits. The broker, which closes after this, removes a reply queue that could not be closed here. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.values()) reject(new Error(CLOSED));
    const [opened] = await Promise.allSettled([this.#opening]);
    if (opened.status === 'fulfilled') await opened.value?.close();
  }

  #checkRoom(): void {
    if (this.#isClosed) throw new Error(CLOSED);
    if (this.#waiting.size < (this.options.maxWaiting ?? MAX_WAITING)) return;
    throw new Error(`${String(this.#waiting.size)} questions wait for a reply already`);
  }

  async #send(message: BrokerMessage): Promise<void> {
    const { name: replyTo } = await this.#replies();
    if (!this.#waiting.has(message.id)) return; // given up meanwhile
    if (replyTo === undefined)
      throw new Error('The broker cannot be reached, so no reply could be');
    if (!this.broker.canPublish) {
      const { reason = 'no connection' } = this.broker.state();
      throw new Error(`The question cannot be sent: ${reason}`);
    }
    const question = { ...message, replyTo, correlationId: message.id };
    const [error] = await this.broker.publish([question]);
    if (error) throw error;
  }

  #replies(): Promise<ReplyQueue> {
    if (this.#opening) return this.#opening;
    const opening = this.broker.openReplies((reply) => {
      const waiting = this.#waiting.get(reply.correlationId ?? '');
      if (waiting) waiting.resolve(reply);
      else this.options.onLate?.();
    });
    this.#opening = opening;
    opening.catch(() => (this.#opening = undefined)); // the next question tries again
    return opening;
  }
}

const CLOSED = 'No more questions: the process is stopping';

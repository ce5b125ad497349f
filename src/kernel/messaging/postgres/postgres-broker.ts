import type { LoggerService } from '@nestjs/common';
import {
  type Broker,
  type BrokerMessage,
  COMMANDS_EXCHANGE,
  type Consumption,
  type Delivery,
  type PublishOutcome,
  type QueueDeclaration,
  type ReplyQueue,
} from '../broker.js';
import { BindingStore, UnroutableError } from './binding-store.js';
import { Connector } from './connector.js';
import { encode } from './envelope.js';
import { JobStore, type NewJob } from './job-store.js';
import { ProcessQueue } from './process-queue.js';
import { QueueConsumer } from './queue-consumer.js';
import { WakeUp } from './wake-up.js';

export interface PostgresBrokerOptions {
  readonly databaseUrl: string;
  readonly logger: Pick<LoggerService, 'warn' | 'error'>;
  /** Connections for all queues of this process, besides one that listens. Default 8. */
  readonly poolSize?: number;
  /** Longest pause between two looks into an idle queue. Publishers wake consumers, so it is only a floor. Default 250. */
  readonly pollMs?: number;
  /** Default 20, least 10: how long a killed process keeps its messages. A living one keeps them as long as it wants. */
  readonly holdSeconds?: number;
  /** Default 5: how often one of the processes looks for messages of the dead. */
  readonly superviseSeconds?: number;
  /** Default 20: a message that comes back so often because its consumers died goes to the dead letters. */
  readonly deliveryLimit?: number;
  /** Default 60: how long the reply queue of a process that died is kept. */
  readonly replyQueueSeconds?: number;
}

const DELIVERY_LIMIT = 20;
const REPLY_QUEUE_SECONDS = 60;
const REPLIES_AT_HAND = 1_000;
const MIN_PAUSE_MS = 5;
/** Messages of one insert: a few milliseconds of Postgres's time, and little to repeat when it fails. */
const MAX_BATCH = 1_000;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/**
 * The broker of the embedded stand: durable queues in Postgres through pg-boss, one table per queue.
 *
 * A publish is confirmed when its insert has committed. Within a queue messages are handed out in the order of their
 * publishing. A delivery outlives a lost connection: it can be settled once Postgres is back; after a crash of the
 * process it arrives again within about `holdSeconds + superviseSeconds`.
 */
export class PostgresBroker implements Broker {
  readonly kind = 'postgres';
  readonly #store: JobStore;
  readonly #bindings: BindingStore;
  readonly #wakeUp: WakeUp;
  readonly #connector: Connector;
  readonly #declared = new Map<string, QueueDeclaration>();
  readonly #consumers = new Set<QueueConsumer>();
  readonly #replies = new Set<ReplyQueue>();
  #lastPublish: Promise<unknown> = Promise.resolve();
  /** The calls since the last one that failed; one that fails has those behind it fail as well. */
  #calls: { failure?: Error } = {};

  constructor(private readonly options: PostgresBrokerOptions) {
    this.#store = new JobStore({
      databaseUrl: options.databaseUrl,
      poolSize: options.poolSize ?? 8,
      holdSeconds: options.holdSeconds ?? 20,
      superviseSeconds: options.superviseSeconds ?? 5,
      deliveryLimit: options.deliveryLimit ?? DELIVERY_LIMIT,
      logger: options.logger,
      onError: () => {
        this.#connector.doubt();
      },
    });
    this.#bindings = new BindingStore(this.#store);
    this.#wakeUp = new WakeUp(
      this.#store,
      (queue) => {
        this.#wakeConsumers(queue);
      },
      (error) => {
        options.logger.warn(`Waking other processes failed: ${String(error)}`);
      },
    );
    this.#connector = new Connector({
      connect: () => this.#connect(),
      probe: () => this.#store.sql('select 1'),
      logger: options.logger,
    });
  }

  async start(): Promise<void> {
    await this.#connector.start();
  }

  async declare(queues: readonly QueueDeclaration[]): Promise<void> {
    for (const queue of queues) this.#declared.set(queue.name, queue);
    if (this.#connector.connected) await this.#create(queues); // else it is done on connecting
  }

  /** Calls take turns: of two inserts at once, either may be committed first. */
  async publish(messages: readonly BrokerMessage[]): Promise<readonly PublishOutcome[]> {
    const calls = this.#calls;
    const published = this.#lastPublish.then(() => {
      const { failure } = calls;
      return failure ? messages.map(() => failure) : this.#publishInTurn(messages);
    });
    this.#lastPublish = published;
    return published;
  }

  async reply(message: BrokerMessage & { replyTo: string }): Promise<void> {
    if (!(await this.#exists(message.replyTo))) return;
    await this.#put([{ queue: message.replyTo, data: encode(message) }]);
  }

  async openReplies(onReply: (reply: BrokerMessage) => void): Promise<ReplyQueue> {
    if (!this.#connector.connected) throw new Error('Postgres is not connected yet');
    const { logger, replyQueueSeconds = REPLY_QUEUE_SECONDS } = this.options;
    const deadAfterMs = replyQueueSeconds * 1_000;
    const queue = new ProcessQueue({ store: this.#store, logger, deadAfterMs });
    await queue.open();
    const consuming = this.consume(queue.name, REPLIES_AT_HAND, (delivery) => {
      onReply(delivery.message);
      delivery.ack().catch((error: unknown) => {
        logger.warn(`A reply could not be removed and may come again: ${String(error)}`);
      });
    });
    const consumption = await consuming.catch(async (error: unknown) => {
      await queue.close();
      throw error;
    });
    const replies = {
      name: queue.name,
      close: async () => {
        this.#replies.delete(replies);
        await consumption.release();
        await queue.close();
      },
    };
    this.#replies.add(replies);
    return replies;
  }

  async consume(
    queue: string,
    prefetch: number,
    onDelivery: (delivery: Delivery) => void,
  ): Promise<Consumption> {
    for (const other of this.#consumers) if (other.finished) this.#consumers.delete(other);
    const consumer = new QueueConsumer(this.#store, {
      queue,
      prefetch,
      onDelivery,
      deliveryLimit: this.options.deliveryLimit ?? DELIVERY_LIMIT,
      inTurnsOn: this.#declared.get(queue)?.ordered ? this.options.databaseUrl : undefined,
      minPauseMs: MIN_PAUSE_MS,
      maxPauseMs: this.options.pollMs ?? 250,
      logger: this.options.logger,
      onReplaced: (replaced) => {
        this.#wakeUp.published([replaced]);
      },
    });
    this.#consumers.add(consumer);
    await consumer.start();
    return consumer;
  }

  async depth(queue: string): Promise<number> {
    return this.#store.depth(queue);
  }

  async retrying(queue: string): Promise<number> {
    return this.#store.delayed(queue);
  }

  get canPublish(): boolean {
    return this.#connector.connected;
  }

  state(): { readonly up: boolean; readonly reason?: string } {
    if (this.#connector.failure !== undefined)
      return { up: false, reason: this.#connector.failure };
    for (const { queue, failure } of this.#consumers) {
      if (failure !== undefined) return { up: false, reason: `consumer of ${queue}: ${failure}` };
    }
    return { up: true };
  }

  async close(): Promise<void> {
    await this.#closeReplies();
    const consumers = [...this.#consumers];
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    await Promise.all(consumers.map((consumer) => consumer.close()));
    this.#consumers.clear();
    await this.#connector.close();
    await this.#wakeUp.close();
    await this.#store.stop();
  }

  /** Those of a process that cannot reach Postgres go as if it had died. */
  async #closeReplies(): Promise<void> {
    for (const replies of this.#replies) {
      await replies.close().catch((error: unknown) => {
        this.options.logger.warn(`A reply queue could not be removed: ${String(error)}`);
      });
    }
  }

  async #connect(): Promise<void> {
    await this.#store.start();
    await this.#bindings.install();
    await this.#wakeUp.start();
    await this.#create([...this.#declared.values()]);
    this.#wakeConsumers();
  }

  async #create(queues: readonly QueueDeclaration[]): Promise<void> {
    for (const { name } of queues) await this.#store.createQueue(name);
    await this.#bindings.add(
      queues.flatMap(({ name, bindings }) => bindings.map((b) => ({ ...b, queue: name }))),
    );
  }

  /** Never rejects. */
  async #publishInTurn(messages: readonly BrokerMessage[]): Promise<readonly PublishOutcome[]> {
    const outcomes: PublishOutcome[] = messages.map(() => undefined);
    let next = 0;
    try {
      await this.#bindings.refresh();
      for (const batch of batches(messages)) {
        const missing = await this.#missingQueues(batch);
        batch.forEach((message, index) => {
          outcomes[next + index] = this.#refusal(message, missing);
        });
        await this.#insert(batch.filter(({ toQueue = '' }) => !missing.has(toQueue)));
        next += batch.length;
      }
    } catch (error) {
      this.#connector.doubt();
      // To keep the order, what comes after the failed batch is not tried, nor are the calls that wait.
      const failure = error instanceof Error ? error : new Error(String(error));
      this.#calls.failure = failure;
      this.#calls = {};
      return outcomes.fill(failure, next);
    }
    return outcomes;
  }

  /** Queues that messages go straight to, and that are not there. */
  async #missingQueues(messages: readonly BrokerMessage[]): Promise<Set<string>> {
    const named = new Set(messages.flatMap(({ toQueue }) => toQueue ?? []));
    for (const queue of named) if (await this.#exists(queue)) named.delete(queue);
    return named;
  }

  #refusal({ exchange, routingKey, toQueue }: BrokerMessage, missing: Set<string>): PublishOutcome {
    if (toQueue !== undefined)
      return missing.has(toQueue) ? new UnroutableError(toQueue) : undefined;
    const routed = this.#bindings.route(exchange, routingKey).length > 0;
    return routed || exchange !== COMMANDS_EXCHANGE ? undefined : new UnroutableError(routingKey);
  }

  async #insert(messages: readonly BrokerMessage[]): Promise<void> {
    const jobs = messages.flatMap((message) => {
      const { exchange, routingKey, toQueue } = message;
      const data = encode(message);
      const queues = toQueue === undefined ? this.#bindings.route(exchange, routingKey) : [toQueue];
      return queues.map((queue) => ({ queue, data }));
    });
    await this.#put(jobs);
  }

  async #exists(queue: string): Promise<boolean> {
    return QUEUE_NAME.test(queue) && (await this.#store.exists(queue));
  }

  async #put(jobs: readonly NewJob[]): Promise<void> {
    if (jobs.length === 0) return;
    await this.#store.insert(jobs);
    this.#wakeUp.published(new Set(jobs.map(({ queue }) => queue)));
  }

  #wakeConsumers(queue?: string): void {
    for (const consumer of this.#consumers) {
      if (queue === undefined || consumer.queue === queue) consumer.wake();
    }
  }
}

/** Names that pg-boss takes. */
const QUEUE_NAME = /^[\w.\-/]+$/;

function* batches(messages: readonly BrokerMessage[]): Generator<readonly BrokerMessage[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, { payload }] of messages.entries()) {
    if (index > from && (index - from >= MAX_BATCH || bytes + payload.length > MAX_BATCH_BYTES)) {
      yield messages.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += payload.length;
  }
  if (from < messages.length) yield messages.slice(from);
}

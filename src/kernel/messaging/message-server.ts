import { Inject, Injectable, Logger } from '@nestjs/common';
import { Server } from '@nestjs/microservices';
import { ENV, type Env } from '../env.js';
import { BROKER, type Broker, type Consumption, type Delivery } from './broker.js';
import { MessagePipeline } from './message-pipeline.js';
import { MessageScopes, type ServedScope } from './message-scopes.js';

/**
 * The message side of the application, as a Nest microservice: declares every queue, and in a process with role
 * `worker` consumes those that `SCOPES` names.
 */
@Injectable()
export class MessageServer extends Server {
  readonly #logger = new Logger(MessageServer.name);
  readonly #inFlight = new Set<Promise<void>>();
  #consumptions: Consumption[] = [];

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(BROKER) private readonly broker: Broker,
    private readonly scopes: MessageScopes,
    private readonly pipeline: MessagePipeline,
  ) {
    super();
  }

  /** Handlers at work right now. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      const scopes = this.scopes.find();
      await this.broker.start();
      await this.broker.declare(scopes.flatMap((scope) => scope.queues));
      if (this.env.ROLES.includes('worker')) await this.#consume(scopes);
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** Takes no more messages; those at hand go on. */
  async stopConsuming(): Promise<void> {
    await Promise.all(this.#consumptions.map((consumption) => consumption.stop()));
    this.#consumptions = [];
  }

  /** Takes no more messages and waits until those at hand are settled, at most for the grace time. */
  async close(): Promise<void> {
    await this.stopConsuming();
    const settled = Promise.all(this.#inFlight).then(() => true);
    if (!(await Promise.race([settled, expired(this.env.SHUTDOWN_GRACE_MS)]))) {
      this.#logger.warn(
        { messages: this.inFlight },
        'Messages were still at work at the end of the grace time; they will come again',
      );
    }
  }

  on(): never {
    throw new Error('The message server has no events of its own; watch BROKER.state()');
  }

  unwrap<T>(): T {
    return this.broker as T;
  }

  async #consume(scopes: readonly ServedScope[]): Promise<void> {
    const served = scopes.filter((scope) => this.#serves(scope.name));
    for (const scope of served) {
      for (const queue of scope.queues) {
        const take = (delivery: Delivery) => {
          this.#take(scope, delivery);
        };
        this.#consumptions.push(await this.broker.consume(queue.name, scope.prefetch, take));
      }
    }
    this.#logger.log({ scopes: served.map((scope) => scope.name) }, 'Serving messages');
  }

  #serves(scope: string): boolean {
    return this.env.SCOPES.includes('all') || this.env.SCOPES.includes(scope);
  }

  #take(scope: ServedScope, delivery: Delivery): void {
    const work = this.pipeline.handle(scope, delivery).finally(() => this.#inFlight.delete(work));
    this.#inFlight.add(work);
  }
}

async function expired(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => {
      resolve(false);
    }, ms).unref();
  });
}

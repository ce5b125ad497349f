import { Inject, Injectable, Logger } from '@nestjs/common';
import { Server } from '@nestjs/microservices';
import { ENV, type Env } from '../env.js';
import { type DependencyState, HealthChecks } from '../observability/health-checks.js';
import { BROKER, type Broker } from './broker.js';
import { MessagePipeline } from './message-pipeline.js';
import { MessageScopes, type ServedScope } from './message-scopes.js';
import { MessageSettler } from './message-settler.js';
import { MessageMetrics } from './message.metrics.js';
import { QueueServer } from './queue-server.js';

/**
 * The message side of the application, as a Nest microservice: declares every queue, and in a process with role
 * `worker` consumes those that `SCOPES` names.
 */
@Injectable()
export class MessageServer extends Server {
  readonly #logger = new Logger(MessageServer.name);
  readonly #queues: QueueServer[] = [];

  constructor(
    @Inject(ENV) private readonly env: Env,
    @Inject(BROKER) private readonly broker: Broker,
    private readonly scopes: MessageScopes,
    private readonly pipeline: MessagePipeline,
    private readonly settler: MessageSettler,
    private readonly metrics: MessageMetrics,
    health: HealthChecks,
  ) {
    super();
    health.register('messages', () => this.#state(), { critical: false });
  }

  /** Messages at hand right now: at work, or waiting for it. */
  get inFlight(): number {
    return this.#queues.reduce((sum, queue) => sum + queue.atHand, 0);
  }

  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      const scopes = this.scopes.find();
      await this.broker.start();
      await this.broker.declare(scopes.flatMap((scope) => scope.queues));
      if (this.env.ROLES.includes('worker')) await this.#serve(scopes);
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** Takes no more messages; those at work go on. */
  async stopConsuming(): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.stop()));
  }

  /** Takes no more messages and waits until those at work are settled, at most for the grace time. */
  async close(): Promise<void> {
    await this.stopConsuming();
    const settled = Promise.all(this.#queues.map((queue) => queue.idle())).then(() => true);
    if (!(await Promise.race([settled, expired(this.env.SHUTDOWN_GRACE_MS)]))) {
      this.#logger.warn(
        { messages: this.inFlight },
        'Messages were still at work at the end of the grace time; they will come again',
      );
    }
    await Promise.all(this.#queues.map((queue) => queue.release()));
  }

  on(): never {
    throw new Error('The message server has no events of its own; watch BROKER.state()');
  }

  unwrap<T>(): T {
    return this.broker as T;
  }

  async #serve(scopes: readonly ServedScope[]): Promise<void> {
    const { broker, pipeline, settler, metrics } = this;
    const served = scopes.filter((scope) => this.#serves(scope.name));
    for (const scope of served) {
      for (const queue of scope.queues) {
        const server = new QueueServer(scope, queue, { broker, pipeline, settler, metrics });
        this.#queues.push(server);
        await server.start();
      }
    }
    this.#logger.log({ scopes: served.map((scope) => scope.name) }, 'Serving messages');
  }

  #serves(scope: string): boolean {
    return this.env.SCOPES.includes('all') || this.env.SCOPES.includes(scope);
  }

  /** A queue that is not served costs the process neither its life nor its traffic. */
  #state(): DependencyState {
    const faults = [
      ...this.#tell('the broker does not let us attach', ({ isRefused }) => isRefused),
      ...this.#tell('every message fails, so it rests', ({ circuit }) => circuit === 'open'),
    ];
    const probing = this.#tell('probing', ({ circuit }) => circuit === 'half-open');
    const reason = [...faults, ...probing].join('; ');
    return { up: faults.length === 0, reason: reason || undefined };
  }

  #tell(what: string, isSo: (queue: QueueServer) => boolean): string[] {
    const names = this.#queues.filter(isSo).map(({ name }) => name);
    return names.length === 0 ? [] : [`${what}: ${names.join(', ')}`];
  }
}

async function expired(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => {
      resolve(false);
    }, ms).unref();
  });
}

import { Logger } from '@nestjs/common';
import { crashPoint } from '../crash-points.js';
import type { Broker, BrokerMessage, Consumption, Delivery, QueueDeclaration } from './broker.js';
import { Circuit, CIRCUIT, type CircuitState } from './circuit.js';
import { isStructured } from './message-decoding.js';
import { HEADER } from './message-headers.js';
import type { MessagePipeline } from './message-pipeline.js';
import type { ServedScope } from './message-scopes.js';
import type { Arrival, MessageSettler } from './message-settler.js';
import type { MessageMetrics } from './message.metrics.js';
import { type Again, WorkLine } from './work-line.js';

/** The pause after a failed attempt to attach doubles from the first to the second. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

export interface QueueServing {
  readonly broker: Broker;
  readonly pipeline: MessagePipeline;
  readonly settler: MessageSettler;
  readonly metrics: MessageMetrics;
}

/**
 * Serves one queue: takes what the prefetch allows, begins as many handlers as the scope's concurrency, in order and
 * one at a time per key where the scope is ordered, and rests while every handler fails.
 *
 * While it rests an unordered queue is left to other processes, and what nobody has begun goes back to it. An ordered
 * one keeps what it holds, because whatever goes back loses its place or its number of deliveries.
 */
export class QueueServer {
  readonly #logger = new Logger('Messages');
  readonly #line: WorkLine<Arrival>;
  readonly #circuit: Circuit;
  #consumption: Consumption | undefined;
  /** What the consumption is to have; 0: there is to be none. */
  #prefetch = 0;
  /** On their way back, because this process stops. */
  readonly #leaving = new Set<Promise<void>>();
  /** Attaching and detaching, one after the other. */
  #changing: Promise<void> = Promise.resolve();
  /** Failures in a row to attach or detach. */
  #failures = 0;
  #again: NodeJS.Timeout | undefined;
  #pause: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    private readonly scope: ServedScope,
    private readonly queue: QueueDeclaration,
    private readonly serving: QueueServing,
  ) {
    const failures = scope.circuit === false ? Number.POSITIVE_INFINITY : scope.circuit;
    this.#circuit = new Circuit({ ...CIRCUIT, failures });
    this.#line = new WorkLine(scope.concurrency, (arrival) => this.#work(arrival));
  }

  get name(): string {
    return this.queue.name;
  }

  /** Messages at hand: at work, waiting for it, or on their way back. */
  get atHand(): number {
    return this.#line.size + this.#leaving.size;
  }

  get circuit(): CircuitState {
    return this.#circuit.state;
  }

  /** The broker does not let it attach; it goes on trying. */
  get isRefused(): boolean {
    return this.#failures > 0;
  }

  async start(): Promise<void> {
    this.serving.metrics.paused.set({ queue: this.name }, 0);
    const { broker } = this.serving;
    this.#consumption = await broker.consume(this.name, this.scope.prefetch, this.#take);
  }

  /**
   * Begins nothing more, takes nothing more, and sends back what nobody has begun. An ordered queue stays attached with
   * what it holds until the handlers at work have ended, or another process would begin the next message of a key beside
   * them.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#pause);
    clearTimeout(this.#again);
    this.#line.limit = 0;
    await this.#changing;
    if (!this.scope.ordered) {
      await this.#consumption?.stop();
      this.#sendBack(this.#line.drain());
    }
    this.#line.stop();
  }

  /** After a stop: resolves when no handler is at work any more, and what was sent back has arrived there. */
  async idle(): Promise<void> {
    await this.#line.idle();
    await Promise.all(this.#leaving);
  }

  /** After a stop: gives back what is not settled. */
  async release(): Promise<void> {
    await this.#consumption?.release();
  }

  readonly #take = (delivery: Delivery): void => {
    crashPoint('consumer.on-delivery');
    const arrival = { delivery, attempt: delivery.attempt };
    if (this.scope.ordered) this.#line.add(arrival, keyOf(delivery.message));
    else if (this.#stopped) this.#sendBack([arrival]);
    else if (this.#circuit.state === 'open') this.#postpone([arrival]);
    else this.#line.add(arrival);
  };

  async #work(arrival: Arrival): Promise<Again> {
    // It comes again over its new channel, behind what came before it.
    if (arrival.delivery.isLost) return undefined;
    const { worked, againAfterMs } = await this.serving.pipeline.handle(this.scope, arrival);
    if (worked !== undefined && this.#circuit.note(worked, performance.now())) this.#turn();
    return againAfterMs;
  }

  /** Puts the new state of the circuit into effect. */
  #turn(): void {
    const { state, pauseMs } = this.#circuit;
    const about = { scope: this.scope.name, queue: this.name };
    this.serving.metrics.paused.set({ queue: this.name }, state === 'open' ? 1 : 0);
    if (this.#stopped) return;
    if (state === 'open') {
      this.#logger.error({ ...about, pause_ms: pauseMs }, 'Every message fails; the queue rests');
      this.#line.limit = 0;
      this.#attach(0);
      if (!this.scope.ordered) this.#postpone(this.#line.drain());
      this.#pause = setTimeout(() => {
        this.#circuit.probe();
        this.#turn();
      }, pauseMs);
      return;
    }
    if (state === 'closed') this.#logger.log(about, 'Messages succeed again; the queue is served');
    this.#attach(state === 'half-open' ? 1 : this.scope.prefetch);
    this.#line.limit = state === 'half-open' ? 1 : this.scope.concurrency;
  }

  /** Consumes with that prefetch as soon as the broker lets it; an ordered queue is attached once and for all. */
  #attach(prefetch: number): void {
    if (this.scope.ordered && this.#consumption) return;
    this.#prefetch = prefetch;
    this.#change();
  }

  #change(): void {
    this.#changing = this.#changing.then(async () => {
      clearTimeout(this.#again);
      try {
        await this.#reattach();
        if (this.#failures > 0) this.#logger.log({ queue: this.name }, 'Attached to a queue again');
        this.#failures = 0;
      } catch (error) {
        this.#changeLater(error);
      }
    });
  }

  async #reattach(): Promise<void> {
    await this.#consumption?.stop();
    this.#consumption = undefined;
    if (this.#prefetch === 0 || this.#stopped) return;
    const { broker } = this.serving;
    this.#consumption = await broker.consume(this.name, this.#prefetch, this.#take);
  }

  #changeLater(error: unknown): void {
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    if (this.#failures === 1) {
      this.#logger.error(
        { err: error, queue: this.name },
        'Could not attach to a queue; trying on',
      );
    }
    if (this.#stopped) return;
    this.#again = setTimeout(() => {
      this.#change();
    }, pauseMs);
  }

  #postpone(arrivals: readonly Arrival[]): void {
    const reason = 'every message of the queue fails at present';
    for (const arrival of arrivals) void this.serving.settler.postpone(arrival, reason);
  }

  #sendBack(arrivals: readonly Arrival[]): void {
    for (const arrival of arrivals) {
      const leaving = this.serving.settler
        .giveBack(arrival)
        .finally(() => this.#leaving.delete(leaving));
      this.#leaving.add(leaving);
    }
  }
}

/** A foreign CloudEvent in structured mode has its subject inside; what cannot be read has no order. */
function keyOf(message: BrokerMessage): string | undefined {
  const named = message.headers[HEADER.key] ?? message.headers[HEADER.subject];
  if (named !== undefined || !isStructured(message)) return named;
  try {
    const { subject } = JSON.parse(message.payload.toString()) as { subject?: unknown };
    return typeof subject === 'string' ? subject : undefined;
  } catch {
    return undefined;
  }
}

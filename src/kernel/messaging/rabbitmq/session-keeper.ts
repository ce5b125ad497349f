import { setTimeout as delay } from 'node:timers/promises';
import type { Channel, ChannelModel } from 'amqplib';
import type { BrokerConnection, Log } from './broker-connection.js';

/** Something that lives on a channel until the channel ends. */
export interface Session {
  /** Resolves, never rejects, when it can be used no more. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
const STABLE_MS = 10_000;

/**
 * Keeps one session open: opens it on the live connection, and again after every loss of its channel or of the
 * connection, with a pause that grows while it does not stay.
 */
export class SessionKeeper<S extends Session> {
  readonly #connection: BrokerConnection;
  readonly #open: (connection: ChannelModel) => Promise<S>;
  readonly #what: string;
  readonly #log: Log;
  readonly #onOpen: (() => void) | undefined;
  readonly #stopping = new AbortController();
  readonly #opened = Promise.withResolvers<undefined>();
  #current: S | undefined;
  #running: Promise<void> | undefined;

  constructor(
    options: { connection: BrokerConnection; what: string; log: Log; onOpen?: () => void },
    open: (connection: ChannelModel) => Promise<S>,
  ) {
    this.#connection = options.connection;
    this.#what = options.what;
    this.#log = options.log;
    this.#onOpen = options.onOpen;
    this.#open = open;
  }

  get current(): S | undefined {
    return this.#current;
  }

  /** Resolves when the session was open for the first time, or when the keeper was stopped. */
  get opened(): Promise<undefined> {
    return this.#opened.promise;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Opens no further session; the current one is left to its owner. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#opened.resolve(undefined);
    if (!this.#current) await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let failures = 0;
    for (;;) {
      const connection = await this.#connection.established(signal);
      if (!connection) return;
      const since = performance.now();
      await this.#live(connection);
      if (signal.aborted) return;
      failures = performance.now() - since > STABLE_MS ? 1 : failures + 1;
      await pause(Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS), signal);
    }
  }

  async #live(connection: ChannelModel): Promise<void> {
    try {
      const session = await this.#open(connection);
      if (this.#stopping.signal.aborted) return await session.close();
      this.#current = session;
      this.#opened.resolve(undefined);
      this.#onOpen?.();
      await session.closed;
    } catch (error) {
      // The connection may have gone while it was opened; that is said once, by the connection itself.
      if (connection === this.#connection.current) {
        this.#log.warn({ err: error }, `Could not open ${this.#what} on RabbitMQ, will try again`);
      }
    } finally {
      this.#current = undefined;
    }
  }
}

/** Waits, or less when the signal comes first. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The end of a channel as a promise. Errors of a channel are told to whoever waits for an answer on it as well. */
export function endOf(channel: Channel, onError: (error: Error) => void): Promise<void> {
  channel.on('error', onError);
  return new Promise((resolve) => {
    channel.once('close', () => {
      resolve();
    });
  });
}

/** Waits for the work, but no longer than that; what becomes of it later is its own affair. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const enough = new AbortController();
  try {
    await Promise.race([work, pause(ms, enough.signal)]);
  } finally {
    enough.abort();
  }
}

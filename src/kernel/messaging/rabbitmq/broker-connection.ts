import type { Logger } from '@nestjs/common';
import { AmqpConnectionManagerClass as ConnectionManager } from 'amqp-connection-manager';
import type { ChannelModel } from 'amqplib';

export type Log = Pick<Logger, 'log' | 'warn' | 'error'>;

const FIRST_RECONNECT_S = 0.2;
const LONGEST_RECONNECT_S = 5;
/** The client looks for a sign of life once per heartbeat and gives up at the second look in vain: after three at most. */
const HEARTBEAT_S = 6;
const SOCKET_TIMEOUT_MS = 10_000;

/**
 * One connection that comes back by itself: heartbeats find a dead line within 20 s, reconnects back off from
 * 0.2 s to 5 s for as long as it is open. Everything on it (channels) dies with the line and is opened anew by
 * its owner, see {@link SessionKeeper}.
 */
export class BrokerConnection {
  readonly #name: string;
  readonly #log: Log;
  readonly #manager: ConnectionManager;
  readonly #listeners = new Set<() => void>();
  #blocked = false;
  #closed = false;

  constructor(url: string, name: string, log: Log) {
    this.#name = name;
    this.#log = log;
    this.#manager = new ConnectionManager(url, {
      heartbeatIntervalInSeconds: HEARTBEAT_S,
      reconnectTimeInSeconds: FIRST_RECONNECT_S,
      connectionOptions: {
        noDelay: true, // Nagle's algorithm would hold a lone small message back for up to 40 ms
        timeout: SOCKET_TIMEOUT_MS,
        clientProperties: { connection_name: `millrace ${name} (pid ${String(process.pid)})` },
      },
    });
    this.#watch();
  }

  open(): void {
    this.#manager.connect().catch((error: unknown) => {
      this.#log.error({ err: error }, `RabbitMQ refuses our ${this.#name} connection`);
    });
  }

  /** The live connection, if there is one. */
  get current(): ChannelModel | undefined {
    return this.#closed ? undefined : this.#manager.connection;
  }

  /** RabbitMQ takes no more messages on this connection: it is short of memory or disk. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** Called whenever the line came, went, or was blocked or unblocked. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Waits for a live connection; undefined when there will be none, or when the signal says to stop waiting. */
  async established(signal: AbortSignal): Promise<ChannelModel | undefined> {
    while (!this.current && !this.#closed && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#listeners.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        this.#listeners.add(done);
        signal.addEventListener('abort', done, { once: true });
      });
    }
    return signal.aborted ? undefined : this.current;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#notify();
    this.#manager.reconnectTimeInSeconds = 0.001; // an attempt that fails just now is awaited by close()
    await this.#manager.close();
  }

  #watch(): void {
    this.#manager.on('connect', () => {
      this.#manager.reconnectTimeInSeconds = FIRST_RECONNECT_S;
      this.#log.log(`The ${this.#name} connection to RabbitMQ is up`);
      this.#notify();
    });
    this.#manager.on('disconnect', ({ err }: { err: Error }) => {
      this.#blocked = false;
      if (!this.#closed) this.#log.warn({ err }, `Lost the ${this.#name} connection to RabbitMQ`);
      this.#notify();
    });
    this.#manager.on('connectFailed', ({ err }: { err: Error }) => {
      const next = Math.min(this.#manager.reconnectTimeInSeconds * 2, LONGEST_RECONNECT_S);
      this.#manager.reconnectTimeInSeconds = next;
      this.#log.warn({ err }, `Cannot reach RabbitMQ, next attempt in ${String(next)} s`);
    });
    this.#manager.on('blocked', ({ reason }) => {
      this.#blocked = true;
      this.#log.warn(`RabbitMQ takes no more messages for now: ${reason}`);
      this.#notify();
    });
    this.#manager.on('unblocked', () => {
      this.#blocked = false;
      this.#notify();
    });
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

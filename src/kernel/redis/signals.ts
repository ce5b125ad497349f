import { EventEmitter } from 'node:events';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { ENV, type Env } from '../env.js';
import { Database } from '../persistence/database.js';
import { Notifications } from '../persistence/notifications.js';
import { RedisConnection } from './redis-connection.js';

const CHANNEL = 'millrace_signals';
const DEBOUNCE_MS = 5;

/**
 * Wakes listeners in all processes, by pub/sub of Redis or NOTIFY of Postgres. A signal carries nothing but its name,
 * and may be lost: whoever waits for one also looks from time to time. Raise it after the commit.
 */
@Injectable()
export class Signals {
  readonly #logger = new Logger(Signals.name);
  readonly #local = new EventEmitter();
  readonly #pending = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #subscriber: Redis | undefined;
  #notifications: Notifications | undefined;
  #isListening = false;
  #stopped = false;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly database: Database,
    private readonly redis: RedisConnection,
  ) {}

  /** Signals of one name within five milliseconds go out as one. */
  raise(name: string): void {
    this.#local.emit(name);
    if (this.#stopped) return;
    this.#pending.add(name);
    this.#timer ??= setTimeout(() => void this.#send(), DEBOUNCE_MS);
  }

  on(name: string, listener: () => void): void {
    this.#local.on(name, listener);
    if (this.#isListening) return;
    this.#isListening = true;
    if (this.redis.client) this.#subscribe();
    else this.#listen();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#subscriber?.disconnect();
    await this.#notifications?.stop();
  }

  async #send(): Promise<void> {
    this.#timer = undefined;
    const names = [...this.#pending].join(',');
    this.#pending.clear();
    try {
      if (this.redis.client) await this.redis.client.publish(CHANNEL, names);
      else await this.database.query('select pg_notify($1, $2)', [CHANNEL, names]);
    } catch (error) {
      this.#logger.debug({ err: error }, 'Could not wake other processes; their next look will do');
    }
  }

  #receive(names: string): void {
    for (const name of names.split(',')) this.#local.emit(name);
  }

  #subscribe(): void {
    this.#subscriber = this.redis.duplicate();
    this.#subscriber?.on('message', (_, names: string) => {
      this.#receive(names);
    });
    // It subscribes again by itself after a reconnect.
    this.#subscriber?.subscribe(CHANNEL).catch((error: unknown) => {
      if (!this.#stopped) this.#logger.warn({ err: error }, 'Cannot hear signals; polling instead');
    });
  }

  #listen(): void {
    this.#notifications = new Notifications(this.env.DATABASE_URL, CHANNEL, (names) => {
      this.#receive(names);
    });
    void this.#notifications.listen();
  }
}

import { Inject, Injectable, Logger } from '@nestjs/common';
import pg from 'pg';
import { ENV, type Env } from '../env.js';
import { Database } from '../persistence/database.js';
import { Outbox } from './outbox.js';

const CHANNEL = 'millrace_outbox';
const DEBOUNCE_MS = 5;
const RECONNECT_MS = 1_000;

/**
 * Tells the relays of all processes that the outbox has new rows.
 *
 * The NOTIFY goes out on its own after the commit, at most one in five milliseconds: inside the business
 * transaction it would take a lock of the whole database at every commit. A lost one costs a poll's delay.
 */
@Injectable()
export class OutboxWakeUp {
  readonly #logger = new Logger(OutboxWakeUp.name);
  #listener: pg.Client | undefined;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #reconnect: NodeJS.Timeout | undefined;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly outbox: Outbox,
    private readonly database: Database,
  ) {}

  /** From now on commits of this process wake relays elsewhere. */
  announce(): void {
    this.outbox.signals.on('appended', () => {
      this.#timer ??= setTimeout(() => void this.#notify(), DEBOUNCE_MS);
    });
  }

  /** Calls back whenever some process has appended. Reconnects by itself. */
  async listen(onWake: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: this.env.DATABASE_URL,
      application_name: 'millrace-wake-up',
    });
    this.#listener = client;
    client.on('notification', onWake);
    client.on('error', (error) => {
      this.#logger.warn({ err: error }, 'Lost the wake-up connection; polling until it is back');
    });
    client.on('end', () => {
      if (this.#stopped) return;
      this.#reconnect = setTimeout(() => void this.listen(onWake), RECONNECT_MS);
    });
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
    } catch (error) {
      this.#logger.warn({ err: error }, 'No wake-up connection yet; polling until there is one');
      await client.end();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#reconnect);
    await this.#listener?.end();
  }

  async #notify(): Promise<void> {
    this.#timer = undefined;
    try {
      await this.database.query(`select pg_notify($1, '')`, [CHANNEL]);
    } catch (error) {
      this.#logger.warn({ err: error }, 'Could not wake the relays; their poll will do');
    }
  }
}

import { Inject, Injectable, Logger } from '@nestjs/common';
import { ENV, type Env } from '../env.js';
import { Database } from '../persistence/database.js';
import { Notifications } from '../persistence/notifications.js';
import { Outbox } from './outbox.js';

const CHANNEL = 'millrace_outbox';
const DEBOUNCE_MS = 5;

/**
 * Tells the relays of all processes that the outbox has new rows.
 *
 * The NOTIFY goes out on its own after the commit, at most one in five milliseconds: inside the business
 * transaction it would take a lock of the whole database at every commit. A lost one costs a poll's delay.
 */
@Injectable()
export class OutboxWakeUp {
  readonly #logger = new Logger(OutboxWakeUp.name);
  #notifications: Notifications | undefined;
  #timer: NodeJS.Timeout | undefined;

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

  /** Calls back whenever some process has appended. */
  async listen(onWake: () => void): Promise<void> {
    this.#notifications = new Notifications(this.env.DATABASE_URL, CHANNEL, onWake);
    await this.#notifications.listen();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#notifications?.stop();
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

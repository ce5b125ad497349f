import { Logger } from '@nestjs/common';
import pg from 'pg';

const RECONNECT_MS = 1_000;

/**
 * Hears what is sent by NOTIFY on one channel, on a connection of its own that comes back by itself. What is sent while
 * it is away is lost: whoever listens also looks from time to time.
 */
export class Notifications {
  readonly #logger = new Logger(Notifications.name);
  #client: pg.Client | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    private readonly url: string,
    private readonly channel: string,
    private readonly onPayload: (payload: string) => void,
  ) {}

  /** Resolves after the first attempt; if it failed, more follow. */
  async listen(): Promise<void> {
    const { channel } = this;
    const client = new pg.Client({
      connectionString: this.url,
      application_name: channel,
    });
    this.#client = client;
    client.on('notification', ({ payload }) => {
      this.onPayload(payload ?? '');
    });
    client.on('error', (error) => {
      this.#logger.warn({ err: error, channel }, 'Lost the connection; polling until it is back');
    });
    client.on('end', () => {
      if (!this.#stopped) this.#reconnect = setTimeout(() => void this.listen(), RECONNECT_MS);
    });
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
    } catch (error) {
      this.#logger.warn({ err: error, channel }, 'No connection yet; polling until there is one');
      await client.end();
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#reconnect);
    await this.#client?.end();
  }
}

import type { LoggerService } from '@nestjs/common';
import pg from 'pg';

export interface ActiveTurnOptions {
  readonly databaseUrl: string;
  readonly queue: string;
  readonly logger: Pick<LoggerService, 'warn'>;
  /** From now on nobody else serves the queue. */
  readonly onGained: () => void;
  /** Somebody else may serve it already. */
  readonly onLost: () => void;
}

/** How soon another process notices that the turn is free. Waiting inside Postgres would hold back its vacuum. */
const TRY_EVERY_MS = 250;

/**
 * The right of one process at a time to serve an ordered queue: an advisory lock of a connection of its own, so that it
 * ends with the process, however that ends. A lost connection loses the turn; it is then asked for again.
 */
export class ActiveTurn {
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #trying: Promise<void> | undefined;
  #isOurs = false;
  #stopped = false;

  constructor(private readonly options: ActiveTurnOptions) {}

  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** Resolves after the first attempt; more follow. */
  async start(): Promise<void> {
    this.#trying = this.#try();
    await this.#trying;
  }

  /** Passes the turn on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#trying;
    this.#isOurs = false;
    await this.#client?.end();
  }

  async #try(): Promise<void> {
    const { queue, logger, onGained } = this.options;
    try {
      const client = (this.#client ??= await this.#connect());
      const lock = `select pg_try_advisory_lock(hashtextextended('millrace.turn.' || $1, 0)) as ours`;
      const { rows } = await client.query<{ ours: boolean }>(lock, [queue]);
      if (rows[0]?.ours === true && client === this.#client) {
        this.#isOurs = true;
        onGained();
      }
    } catch (error) {
      logger.warn(`Asking for the turn to serve ${queue} failed: ${String(error)}`);
    }
    if (!this.#isOurs) this.#tryLater();
  }

  #tryLater(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#trying = this.#try();
    }, TRY_EVERY_MS);
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.options.databaseUrl,
      application_name: 'millrace-turn',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    client.on('error', () => undefined); // its end says the same
    client.on('end', () => {
      this.#ended(client);
    });
    await client.connect();
    return client;
  }

  #ended(client: pg.Client): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    if (!this.#isOurs) return;
    this.#isOurs = false;
    this.options.onLost();
    this.#tryLater();
  }
}

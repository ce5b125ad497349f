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
/** How often its holder makes sure that the server is still there, and how long it waits for the answer. */
const BEAT_EVERY_MS = 2_000;
const ANSWER_MS = 5_000;
/** A server that hears nothing from its client's machine gives the lock to somebody else after 11 s. */
const SERVER_KEEPALIVE =
  '-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3';

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
        this.#beatLater(client);
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

  #beatLater(client: pg.Client): void {
    clearTimeout(this.#timer);
    if (this.#stopped || client !== this.#client) return;
    this.#timer = setTimeout(() => {
      this.#trying = this.#beat(client);
    }, BEAT_EVERY_MS);
  }

  /** A line that broke without a word must not leave us serving beside whoever got the turn from the server. */
  async #beat(client: pg.Client): Promise<void> {
    try {
      await client.query('select 1');
      this.#beatLater(client);
    } catch (error) {
      const { queue, logger } = this.options;
      logger.warn(`Lost the turn to serve ${queue}: ${String(error)}`);
      this.#ended(client);
      client.end(() => undefined); // not awaited: nobody may be there to say goodbye
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.options.databaseUrl,
      application_name: 'millrace-turn',
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      options: SERVER_KEEPALIVE,
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

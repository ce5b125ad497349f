import { Logger } from '@nestjs/common';
import pg from 'pg';
import { DataSource, type EntitySchema, type MigrationInterface } from 'typeorm';

export interface PersistenceOptions {
  readonly url: string;
  /** Connections of this process at most. Default 10. */
  readonly poolSize?: number;
  readonly entities?: readonly EntitySchema[];
  readonly migrations?: readonly (new () => MigrationInterface)[];
}

/** How long a caller waits for a free or new connection before it hears that the database is unavailable. */
const CONNECT_TIMEOUT_MS = 5_000;
/** No statement of ours takes this long; one that does has lost its server or its index. */
const STATEMENT_TIMEOUT_MS = 30_000;
/**
 * A process that freezes, or is cut off, in the middle of a transaction keeps its row locks for so long, and whoever
 * wants one of the rows waits with its whole batch. Less than the leases by which such a process loses its work.
 */
const IDLE_IN_TRANSACTION_MS = 8_000;

const logger = new Logger('Database');

/**
 * Between the pool, which hands a connection out, and the mapper, which takes it, nobody listens to its errors for a
 * moment; a server that dies just then must not end the process. The next statement on the connection fails.
 */
class GuardedClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    this.on('error', (error) => {
      logger.warn({ err: error }, 'Lost a connection to Postgres');
    });
  }
}

/** Describes the Postgres of the process. Nothing is connected until `initialize()`. */
export function createDataSource(options: PersistenceOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    url: options.url,
    applicationName: 'millrace',
    poolSize: options.poolSize ?? 10,
    entities: [...(options.entities ?? [])],
    migrations: [...(options.migrations ?? [])],
    migrationsTableName: 'migration',
    migrationsTransactionMode: 'each',
    synchronize: false,
    logging: false,
    extra: {
      Client: GuardedClient,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      keepAlive: true,
      // Index probes instead of whole tables for small batches: storage is no spinning disk.
      options: '-c random_page_cost=1.1',
    },
  });
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, Logger } from '@nestjs/common';
import {
  DataSource,
  type EntityManager,
  type QueryRunner,
  QueryRunnerAlreadyReleasedError,
} from 'typeorm';
import { crashPoint } from '../crash-points.js';
import { DatabaseUnavailableError, isTransient } from './postgres-errors.js';

interface OpenTransaction {
  readonly runner: QueryRunner;
  readonly afterCommit: (() => void)[];
}

const logger = new Logger('UnitOfWork');

/** Attempts at a transaction that Postgres refused with a deadlock or a serialization failure. */
const MAX_ATTEMPTS = 4;

/**
 * One Postgres transaction, known to everything that is awaited inside {@link run}.
 *
 * It is the only source of a connection for code that writes, so no statement can escape its transaction.
 * Statements of one transaction run one after the other: never `Promise.all` over them.
 */
@Injectable()
export class UnitOfWork {
  readonly #current = new AsyncLocalStorage<OpenTransaction>();

  constructor(private readonly dataSource: DataSource) {}

  get isOpen(): boolean {
    return this.#current.getStore() !== undefined;
  }

  /** The mapper's view of the open transaction. Throws outside of {@link run}. */
  get manager(): EntityManager {
    return this.#open.runner.manager;
  }

  get #open(): OpenTransaction {
    const open = this.#current.getStore();
    if (!open) throw new Error('No Unit of Work is open: call this inside UnitOfWork.run()');
    return open;
  }

  /**
   * Runs the work in the open transaction, or in a new one that is committed when the work resolves and
   * rolled back when it rejects. A new one is repeated, up to four times in all, after a deadlock or a
   * serialization failure; any other error is the caller's, and nothing was written.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isOpen) return work();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#transaction(work);
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !isTransient(error)) throw error;
      }
    }
  }

  /** Runs one statement in the open transaction and returns its rows. Throws outside of {@link run}. */
  async query<Row extends object>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    const result = await this.#open.runner.query(sql, parameters, true);
    return result.records as Row[];
  }

  /** Runs the hook once the transaction is committed; never when it is rolled back. One that throws is only logged. */
  afterCommit(hook: () => void): void {
    this.#open.afterCommit.push(hook);
  }

  async #transaction<T>(work: () => Promise<T>): Promise<T> {
    const open: OpenTransaction = { runner: this.dataSource.createQueryRunner(), afterCommit: [] };
    await connect(open.runner);
    try {
      await open.runner.startTransaction();
      const result = await this.#current.run(open, work);
      if (open.afterCommit.length > 0) crashPoint('outbox.before-commit');
      await open.runner.commitTransaction();
      open.afterCommit.forEach(runHook);
      return result;
    } catch (error) {
      await rollback(open.runner);
      throw isLostBetweenStatements(error) ? new DatabaseUnavailableError(error) : error;
    } finally {
      await open.runner.release();
    }
  }
}

/** Callers of an API should hear 503 and come back, so a database that is away is told as such. */
async function connect(runner: QueryRunner): Promise<void> {
  try {
    await runner.connect();
  } catch (error) {
    throw new DatabaseUnavailableError(error);
  }
}

/** What is committed cannot be failed any more. */
function runHook(hook: () => void): void {
  try {
    hook();
  } catch (error) {
    logger.error({ err: error }, 'A hook after a commit failed');
  }
}

/** The first error is the one to tell: a connection that broke cannot roll back, and Postgres does it by itself. */
async function rollback(runner: QueryRunner): Promise<void> {
  if (!runner.isTransactionActive || runner.isReleased) return;
  try {
    await runner.rollbackTransaction();
  } catch (error) {
    logger.warn({ err: error }, 'A failed transaction could not be rolled back by us');
  }
}

/** The mapper releases a connection that breaks while no statement is under way; so the commit was never sent. */
function isLostBetweenStatements(error: unknown): boolean {
  return error instanceof QueryRunnerAlreadyReleasedError;
}

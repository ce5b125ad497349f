import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { crashPoint } from '../crash-points.js';
import { isTransient } from './postgres-errors.js';
import { Transaction } from './transaction.js';

interface OpenTransaction {
  readonly transaction: Transaction;
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
  async query<Row extends object>(
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<Row[]> {
    return (await this.#open.transaction.query({ sql, parameters })) as Row[];
  }

  /** The same for an INSERT of given values, which is planned once per connection instead of every time. */
  async insert<Row extends object>(sql: string, parameters: readonly unknown[]): Promise<Row[]> {
    const statement = { sql, parameters, isPrepared: true };
    return (await this.#open.transaction.query(statement)) as Row[];
  }

  /**
   * Runs an INSERT of given values, of which nothing is read, with the commit and in its round trip. When it fails, so
   * does the transaction. Throws outside of {@link run}.
   */
  deferInsert(sql: string, parameters: readonly unknown[]): void {
    this.#open.transaction.defer({ sql, parameters, isPrepared: true, hasRows: false });
  }

  /** Runs now what was deferred, because this Unit of Work is about to read it. Throws outside of {@link run}. */
  async flush(): Promise<void> {
    await this.#open.transaction.flush();
  }

  /** Runs the hook once the transaction is committed; never when it is rolled back. One that throws is only logged. */
  afterCommit(hook: () => void): void {
    this.#open.afterCommit.push(hook);
  }

  async #transaction<T>(work: () => Promise<T>): Promise<T> {
    const transaction = new Transaction(this.dataSource.createQueryRunner());
    const open: OpenTransaction = { transaction, afterCommit: [] };
    try {
      const result = await this.#current.run(open, work);
      if (open.afterCommit.length > 0) crashPoint('outbox.before-commit');
      await transaction.commit();
      open.afterCommit.forEach(runHook);
      return result;
    } catch (error) {
      await transaction.rollback();
      throw error;
    } finally {
      await transaction.release();
    }
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

import { Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { QueryFailedError, type QueryRunner } from 'typeorm';
import { DatabaseUnavailableError } from './postgres-errors.js';
import { type Answer, RoundTrip, type Statement } from './round-trip.js';

const BEGIN: Statement = { sql: 'begin', isPrepared: true, hasRows: false };
const COMMIT: Statement = { sql: 'commit', isPrepared: true, hasRows: false };

const logger = new Logger('UnitOfWork');

/**
 * One transaction on one pooled connection, in as few round trips as it can be: BEGIN travels with the first statement,
 * and what was deferred with COMMIT. Without any statement there is no transaction and no connection is taken.
 */
export class Transaction {
  readonly #runner: QueryRunner;
  readonly #deferred: Statement[] = [];
  #hasBegun = false;

  constructor(runner: QueryRunner) {
    this.#runner = runner;
  }

  async query(statement: Statement): Promise<object[]> {
    const answers = await this.#send([statement]);
    return answers.at(-1)?.rows ?? [];
  }

  /** The statement is run right before the commit; its rows are dropped, and its failure is the commit's. */
  defer(statement: Statement): void {
    this.#deferred.push(statement);
  }

  /** Rejects when Postgres rolled back instead, because the failure of a statement was swallowed. */
  async commit(): Promise<void> {
    if (!this.#hasBegun && this.#deferred.length === 0) return;
    const answers = await this.#send([...this.#deferred, COMMIT]);
    if (answers.at(-1)?.command !== 'COMMIT') {
      throw new Error('Nothing was committed: a statement had failed before');
    }
  }

  /** Never rejects: a connection that broke cannot roll back, and Postgres does it by itself. */
  async rollback(): Promise<void> {
    if (!this.#hasBegun || this.#runner.isReleased) return;
    try {
      await this.#runner.query('rollback');
    } catch (error) {
      logger.warn({ err: error }, 'A failed transaction could not be rolled back by us');
    }
  }

  async release(): Promise<void> {
    await this.#runner.release();
  }

  async #send(statements: readonly Statement[]): Promise<Answer[]> {
    const client = await this.#connect();
    const all = this.#hasBegun ? statements : [BEGIN, ...statements];
    this.#hasBegun = true;
    const trip = new RoundTrip(all);
    try {
      return await trip.sendOver(client);
    } catch (error) {
      const parameters = statements.flatMap((statement) => statement.parameters ?? []);
      throw new QueryFailedError(trip.text, parameters, error as Error);
    }
  }

  /** Callers of an API should hear 503 and come back, so a database that is away is told as such. */
  async #connect(): Promise<ClientBase> {
    // The mapper gives a connection up that breaks while no statement is under way; so the commit was never sent.
    if (this.#runner.isReleased) throw new DatabaseUnavailableError(new Error('connection lost'));
    try {
      return (await this.#runner.connect()) as ClientBase;
    } catch (error) {
      throw new DatabaseUnavailableError(error);
    }
  }
}

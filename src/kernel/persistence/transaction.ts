import { Logger } from '@nestjs/common';
import type { Client, ClientBase } from 'pg';
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
  #hasEnded = false;

  constructor(runner: QueryRunner) {
    this.#runner = runner;
  }

  /** Throws after the end: the statement would be committed by itself. */
  async query(statement: Statement): Promise<object[]> {
    this.#checkOpen();
    const answers = await this.#send([statement]);
    return answers.at(-1)?.rows ?? [];
  }

  /** The statement is run right before the commit; its rows are dropped, and its failure is the commit's. */
  defer(statement: Statement): void {
    this.#checkOpen();
    this.#deferred.push(statement);
  }

  /** Runs what was deferred, for whoever has to read it before the commit. */
  async flush(): Promise<void> {
    this.#checkOpen();
    const deferred = this.#deferred.splice(0);
    if (deferred.length > 0) await this.#send(deferred);
  }

  /** Rejects when Postgres rolled back instead, because the failure of a statement was swallowed. */
  async commit(): Promise<void> {
    this.#hasEnded = true;
    if (!this.#hasBegun && this.#deferred.length === 0) return;
    const answers = await this.#send([...this.#deferred, COMMIT]);
    if (answers.at(-1)?.command !== 'COMMIT') {
      throw new Error('Nothing was committed: a statement had failed before');
    }
  }

  /** Never rejects: a connection that broke cannot roll back, and Postgres does it by itself. */
  async rollback(): Promise<void> {
    this.#hasEnded = true;
    if (!this.#hasBegun || this.#runner.isReleased) return;
    try {
      await this.#runner.query('rollback');
    } catch (error) {
      logger.warn({ err: error }, 'A failed transaction could not be rolled back by us');
      await this.#disconnect();
    }
  }

  async release(): Promise<void> {
    await this.#runner.release();
  }

  async #send(statements: readonly Statement[]): Promise<Answer[]> {
    const client = await this.#connect();
    const trip = new RoundTrip(this.#hasBegun ? statements : [BEGIN, ...statements]);
    this.#hasBegun = true; // not before: a parameter that has no notation is never sent, and nor is BEGIN
    try {
      return await trip.sendOver(client);
    } catch (error) {
      const parameters = statements.flatMap((statement) => statement.parameters ?? []);
      throw new QueryFailedError(trip.text, parameters, error as Error);
    }
  }

  #checkOpen(): void {
    if (this.#hasEnded) {
      throw new Error('The Unit of Work has ended: await every statement inside of it');
    }
  }

  /** From the pool the connection would go to somebody else, who would commit what is still open on it. */
  async #disconnect(): Promise<void> {
    if (this.#runner.isReleased) return;
    const client = (await this.#runner.connect()) as Client;
    client.end(() => undefined); // not awaited: nobody may be there to say goodbye
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

import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Answers to requests with an `Idempotency-Key`. There is no state column: a row is inserted, filled and committed
 * in the transaction of its effect, so nobody can ever see an unfinished one.
 */
export class CreateIdempotency1763683300000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema if not exists kernel`);
    await runner.query(`create table kernel.idempotency (
      scope text not null,
      key text not null,
      fingerprint bytea not null,
      status smallint,
      headers jsonb,
      body text,
      expires_at timestamptz not null,
      primary key (scope, key)
    )`);
    await runner.query(`create index on kernel.idempotency (expires_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table kernel.idempotency`);
  }
}

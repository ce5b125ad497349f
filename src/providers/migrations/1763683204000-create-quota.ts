import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateQuota1763683204000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema if not exists providers`);
    // Rewritten with every exchange: room in the page keeps the new version beside the old one, without index entries.
    await runner.query(`create table providers.quota_book (
      provider_id text primary key,
      book jsonb not null
    ) with (fillfactor = 20)`);
    await runner.query(`create table providers.budget (
      provider_id text not null,
      period_key text not null,
      spent_micros bigint not null,
      granted_micros bigint not null,
      primary key (provider_id, period_key)
    ) with (fillfactor = 50)`);
    await runner.query(`comment on column providers.budget.granted_micros is
      'By the last reservation: its statement reads from here what it got'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table providers.budget`);
    await runner.query(`drop table providers.quota_book`);
    await runner.query(`drop schema providers`);
  }
}

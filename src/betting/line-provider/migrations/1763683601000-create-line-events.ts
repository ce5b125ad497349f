import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateLineEvents1763683601000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema line_provider`);
    // Ratios are thousandths. Ids are compared byte by byte: pages of a snapshot go by their order.
    await runner.query(`create table line_provider.event (
      id text collate "C" primary key,
      version integer not null,
      ratio integer not null check (ratio > 1000),
      deadline timestamptz not null,
      status text not null check (status in ('open', 'suspended', 'closed', 'resulted', 'voided')),
      result json,
      feed_version bigint not null,
      created_at timestamptz not null,
      changed_at timestamptz not null,
      check ((status in ('resulted', 'voided')) = (result is not null))
    ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`);
    await runner.query(`create index event_due on line_provider.event (deadline)
      where status in ('open', 'suspended')`);
    await runner.query(`create table line_provider.feed (
      single boolean primary key default true check (single),
      version bigint not null,
      incarnation uuid not null,
      beat_at timestamptz not null
    ) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`);
    // Whoever has lost this table starts anew, and consumers see it by the incarnation.
    await runner.query(`insert into line_provider.feed (version, incarnation, beat_at)
      values (0, gen_random_uuid(), '-infinity')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop schema line_provider cascade`);
  }
}

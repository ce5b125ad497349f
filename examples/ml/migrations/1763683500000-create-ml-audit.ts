import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateMlAudit1763683500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema ml_audit`);
    await runner.query(`create table ml_audit.result (
      seq bigint generated always as identity primary key,
      kind text not null check (kind in ('trained', 'another_method')),
      result jsonb not null,
      recorded_at timestamptz not null default now()
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop schema ml_audit cascade`);
  }
}

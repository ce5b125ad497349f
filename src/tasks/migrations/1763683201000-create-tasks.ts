import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTasks1763683201000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema tasks`);
    // Payloads of up to 2 KB stay in the row, and every task is updated twice: leave room for it on the page.
    await runner.query(`create table tasks.task (
      id uuid primary key,
      kind text not null,
      queue text not null,
      status text not null check (status in ('new', 'in_progress', 'succeeded', 'failed', 'cancelled')),
      priority smallint not null check (priority between 0 and 10),
      external boolean not null,
      attempt smallint not null default 0,
      max_attempts smallint not null,
      attempts_before smallint not null default 0,
      crashes smallint not null default 0,
      progress smallint not null default 0,
      timeout_ms integer not null,
      backoff json not null,
      payload json not null,
      result json,
      error json,
      failures json,
      run_at timestamptz not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      started_at timestamptz,
      finished_at timestamptz,
      lease_owner uuid,
      lease_expires_at timestamptz,
      idempotency_key text,
      correlation_id text not null,
      traceparent text not null
    ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
            autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05)`);
    await runner.query(`create index task_status on tasks.task (status, id)`);
    await runner.query(`create index task_due on tasks.task (run_at)
      where status = 'new' and not external`);
    await runner.query(`create unique index task_idempotency_key on tasks.task (idempotency_key)
      where idempotency_key is not null`);
    await runner.query(`create index task_external on tasks.task (kind, priority desc, run_at)
      where external and status = 'new'`);
    await runner.query(`create table tasks.worker (
      id uuid primary key,
      expires_at timestamptz not null
    )`);
    await createCounters(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop schema tasks cascade`);
  }
}

/**
 * Counts per kind and status are maintained, not counted. Every statement that changes tasks inserts what it
 * changed as deltas (a row that all writers update would make them wait for each other's commit); the
 * scheduler folds them into the totals.
 */
async function createCounters(runner: QueryRunner): Promise<void> {
  await runner.query(`create table tasks.task_count (
    kind text not null,
    status text not null,
    count bigint not null,
    primary key (kind, status)
  )`);
  await runner.query(`create table tasks.task_count_delta (
    kind text not null,
    status text not null,
    delta integer not null
  ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`);
  await runner.query(`create function tasks.count_inserted() returns trigger language plpgsql as $$ begin
    insert into tasks.task_count_delta select kind, status, count(*) from inserted group by kind, status;
    return null; end $$`);
  await runner.query(`create function tasks.count_updated() returns trigger language plpgsql as $$ begin
    insert into tasks.task_count_delta
    select kind, status, sum(delta) from (
      select kind, status, 1 as delta from after union all select kind, status, -1 from before) as moved
    group by kind, status having sum(delta) <> 0;
    return null; end $$`);
  await runner.query(`create function tasks.count_deleted() returns trigger language plpgsql as $$ begin
    insert into tasks.task_count_delta select kind, status, -count(*) from deleted group by kind, status;
    return null; end $$`);
  await runner.query(`create trigger count_inserted after insert on tasks.task
    referencing new table as inserted for each statement execute function tasks.count_inserted()`);
  await runner.query(`create trigger count_updated after update on tasks.task
    referencing old table as before new table as after for each statement execute function tasks.count_updated()`);
  await runner.query(`create trigger count_deleted after delete on tasks.task
    referencing old table as deleted for each statement execute function tasks.count_deleted()`);
}

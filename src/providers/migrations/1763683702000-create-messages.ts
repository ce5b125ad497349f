import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateMessages1763683702000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema if not exists providers`);
    await runner.query(`create table providers.provider (
      id text primary key,
      settings json not null,
      drained boolean not null default false,
      updated_at timestamptz not null default now()
    )`);
    // Payloads of up to 2 KB stay in the row, and every message is updated twice: leave room for it on the page.
    await runner.query(`create table providers.message (
      id uuid primary key,
      owner_id text not null,
      state text not null
        check (state in ('queued', 'waiting', 'sending', 'succeeded', 'failed', 'ambiguous')),
      wish text not null,
      provider text,
      pinned boolean not null default false,
      max_wait_ms integer not null,
      when_ambiguous text not null,
      payload json not null,
      response json,
      error json,
      attempts smallint not null default 0,
      failures smallint not null default 0,
      cost_micros bigint not null default 0,
      run_at timestamptz not null,
      created_at timestamptz not null,
      finished_at timestamptz,
      lease_owner uuid,
      correlation_id text not null,
      traceparent text not null
    ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
            autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05)`);
    await runner.query(`create index message_owner on providers.message (owner_id, id)`);
    // Those that are not done or did not go well are few, and asked for more often than their share.
    await runner.query(`create index message_owner_unusual on providers.message (owner_id, id)
      where state <> 'succeeded'`);
    await runner.query(
      `create index message_queued on providers.message (run_at) where state = 'queued'`,
    );
    await runner.query(
      `create index message_waiting on providers.message (id) where state = 'waiting'`,
    );
    await runner.query(`create index message_sending on providers.message (lease_owner)
      where state = 'sending'`);
    await createJournal(runner);
    await createUsage(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of [
      'usage',
      'usage_delta',
      'epoch',
      'dispatch',
      'dispatcher',
      'message',
      'provider',
    ])
      await runner.query(`drop table providers.${table}`);
  }
}

/** The journal of calls: a row is written before its call is, and its outcome is added when there is one. */
async function createJournal(runner: QueryRunner): Promise<void> {
  await runner.query(`create table providers.dispatch (
    message_id uuid not null,
    attempt smallint not null,
    provider text not null,
    epoch bigint,
    cost_micros bigint not null,
    honours_keys boolean not null,
    written_at timestamptz not null default now(),
    outcome text,
    settled_at timestamptz,
    primary key (message_id, attempt)
  ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`);
  await runner.query(`create index dispatch_written on providers.dispatch (provider, written_at)`);
  await runner.query(`create table providers.dispatcher (
    id uuid primary key,
    expires_at timestamptz not null,
    circuits json not null default '{}'
  )`);
}

/**
 * Usage is maintained, not counted. Whoever settles calls appends deltas (a row that all processes update would make
 * them wait for each other's commit); the scheduler folds them into minutes and epochs.
 */
async function createUsage(runner: QueryRunner): Promise<void> {
  await runner.query(`create table providers.usage_delta (
    provider text not null,
    minute timestamptz not null,
    epoch bigint not null,
    outcome text not null,
    avoidable boolean not null,
    calls integer not null,
    cost_micros bigint not null
  ) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0)`);
  await runner.query(`create table providers.usage (
    provider text not null,
    minute timestamptz not null,
    outcome text not null,
    calls bigint not null,
    cost_micros bigint not null,
    primary key (provider, minute, outcome)
  )`);
  await runner.query(`create table providers.epoch (
    epoch bigint primary key,
    capacity integer not null,
    free_calls bigint not null default 0,
    refused bigint not null default 0,
    paid_calls bigint not null default 0,
    excess bigint,
    opened_at timestamptz not null,
    blocked_at timestamptz,
    blocked_until timestamptz
  )`);
}

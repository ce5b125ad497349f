import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rows leave the outbox by DELETE, thousands a second: vacuum early and without naps. */
const CHURN = `autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 1000000,
  autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000`;

const MESSAGE_COLUMNS = `id uuid not null,
  key text,
  exchange text not null,
  routing_key text not null,
  headers text not null,
  payload text not null`;

export class CreateOutboxAndInbox1763683200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema if not exists kernel`);
    await runner.query(`create table kernel.outbox (
      shard smallint not null,
      seq bigint generated always as identity,
      ${MESSAGE_COLUMNS},
      created_at timestamptz not null default now(),
      primary key (shard, seq)
    ) with (${CHURN})`);
    await runner.query(`create table kernel.delayed_message (
      due_at timestamptz not null,
      shard smallint not null,
      ${MESSAGE_COLUMNS},
      primary key (due_at, id)
    ) with (${CHURN})`);
    await runner.query(`create table kernel.parked_message (
      shard smallint not null,
      seq bigint not null,
      ${MESSAGE_COLUMNS},
      attempts integer not null,
      error text not null,
      retry_at timestamptz not null,
      created_at timestamptz not null,
      parked_at timestamptz not null default now(),
      primary key (shard, seq)
    )`);
    await runner.query(`create table kernel.relay (
      id uuid primary key,
      expires_at timestamptz not null
    )`);
    await runner.query(`create table kernel.outbox_shard (
      shard smallint primary key,
      owner uuid,
      expires_at timestamptz
    )`);
    await runner.query(
      `insert into kernel.outbox_shard (shard) select * from generate_series(0, 63)`,
    );
    await runner.query(`create table kernel.inbox (
      consumer text not null,
      message_id text not null,
      received_at timestamptz not null default now(),
      primary key (consumer, message_id)
    )`);
    // Rows arrive in the order of time, so a block range index finds the old ones at almost no cost.
    await runner.query(
      `create index inbox_received_at on kernel.inbox using brin (received_at) with (pages_per_range = 32)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table kernel.inbox, kernel.outbox_shard, kernel.relay,
      kernel.parked_message, kernel.delayed_message, kernel.outbox`);
  }
}

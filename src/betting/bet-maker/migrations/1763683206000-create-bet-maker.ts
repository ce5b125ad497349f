import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is written once per bet is written fast: vacuum keeps up by count, and updates find room on their page. */
const CHURN = `autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0,
               autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05`;

/**
 * No foreign keys between bets, wallets and events: each check would lock the row of a busy event or wallet in share
 * mode, and everything is written by one repository under locks of its own.
 */
export class CreateBetMaker1763683206000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema bet_maker`);
    await createLine(runner);
    await createLedger(runner);
    await createBets(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop schema bet_maker cascade`);
  }
}

/** The line as the line provider told it. */
async function createLine(runner: QueryRunner): Promise<void> {
  // One row: how much of the feed is known. Every change up to `floor` is in the picture.
  await runner.query(`create table bet_maker.feed (
    id boolean primary key default true check (id),
    incarnation uuid,
    floor bigint not null default 0,
    beat_at timestamptz,
    heard_at timestamptz,
    synced boolean not null default false,
    wanted_at timestamptz default now(),
    asked_at timestamptz
  )`);
  await runner.query(`insert into bet_maker.feed default values`);
  await runner.query(`create table bet_maker.feed_seen (feed_version bigint primary key)`);
  await runner.query(`create table bet_maker.event (
    event_id text primary key,
    seq bigint generated always as identity,
    version integer not null check (version >= 1),
    ratio integer not null check (ratio > 1000),
    deadline timestamptz not null,
    status text not null check (status in ('open', 'suspended', 'closed', 'resulted', 'voided')),
    settlement integer,
    outcome text check (outcome in ('won', 'lost', 'void')),
    void_share smallint check (void_share between 0 and 1000),
    dead_heat smallint check (dead_heat between 0 and 1000),
    incarnation uuid,
    feed_version bigint not null,
    changed_at timestamptz not null,
    closed_at timestamptz
  ) with (fillfactor = 70)`);
  await runner.query(`create unique index event_seq on bet_maker.event (seq)`);
  await runner.query(`create table bet_maker.exposure (
    event_id text primary key,
    bets integer not null default 0,
    staked bigint not null default 0,
    liability bigint not null default 0 check (liability >= 0),
    paid bigint not null default 0
  ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)`);
}

/**
 * A transfer takes an amount from one account and gives it to another, so that entries cannot fail to balance. Wallets
 * carry the balances of their owner's accounts; those of `house` and `bank` are sums, so that no row is everybody's.
 */
async function createLedger(runner: QueryRunner): Promise<void> {
  await runner.query(`create table bet_maker.wallet (
    owner_id text primary key,
    cash bigint not null default 0 check (cash >= 0),
    reserved bigint not null default 0 check (reserved >= 0),
    debt bigint not null default 0 check (debt >= 0),
    loss_day date not null default '-infinity',
    day_loss bigint not null default 0
  ) with (fillfactor = 50, ${CHURN})`);
  await runner.query(`create index wallet_debt on bet_maker.wallet (owner_id) where debt > 0`);
  await runner.query(`create table bet_maker.transfer (
    owner_id text not null,
    id bigint generated always as identity,
    taken_from text not null check (taken_from in ('cash', 'reserved', 'debt', 'house', 'bank')),
    given_to text not null check (given_to in ('cash', 'reserved', 'debt', 'house', 'bank')),
    amount bigint not null check (amount > 0),
    reason text not null check (reason in ('deposit', 'reserve', 'post', 'void', 'payout', 'reversal', 'collect')),
    bet_id uuid,
    settlement integer,
    created_at timestamptz not null default now(),
    primary key (owner_id, id),
    check (taken_from <> given_to)
  ) with (${CHURN})`);
  await runner.query(`create function bet_maker.refuse_change() returns trigger language plpgsql as $$ begin
    raise exception 'Entries of the ledger cannot be changed: reverse them by further ones'; end $$`);
  await runner.query(`create trigger is_immutable before update or delete or truncate on bet_maker.transfer
    for each statement execute function bet_maker.refuse_change()`);
  await runner.query(`create view bet_maker.entry as
    select owner_id, id, taken_from as account, -amount as amount, reason, bet_id, settlement, created_at from bet_maker.transfer
    union all
    select owner_id, id, given_to, amount, reason, bet_id, settlement, created_at from bet_maker.transfer`);
}

async function createBets(runner: QueryRunner): Promise<void> {
  // Half of a page stays free, so that settling a bet finds room beside it and touches none of the indexes.
  await runner.query(`create table bet_maker.bet (
    bet_id uuid primary key,
    owner_id text not null,
    event_id text not null,
    event_version integer not null,
    stake bigint not null check (stake > 0),
    odds integer not null check (odds > 1000),
    status text not null default 'accepted' check (status in ('accepted', 'won', 'lost', 'voided')),
    settlement integer not null default 0,
    payout bigint not null default 0 check (payout >= 0),
    placed_at timestamptz not null,
    settled_at timestamptz
  ) with (fillfactor = 50, ${CHURN})`);
  await runner.query(`create index bet_owner on bet_maker.bet (owner_id, bet_id)`);
  await runner.query(`create index bet_event on bet_maker.bet (event_id, bet_id)`);
  await runner.query(`create table bet_maker.settlement (
    event_id text not null,
    settlement integer not null,
    outcome text not null,
    void_share smallint not null,
    dead_heat smallint not null,
    state text not null default 'running' check (state in ('running', 'done', 'superseded')),
    behind uuid not null default '00000000-0000-0000-0000-000000000000',
    settled integer not null default 0,
    started_at timestamptz not null default now(),
    touched_at timestamptz not null default now(),
    primary key (event_id, settlement)
  )`);
  await runner.query(
    `create index settlement_running on bet_maker.settlement (touched_at) where state = 'running'`,
  );
  await runner.query(`create table bet_maker.subscription (
    event_id text not null,
    owner_id text not null,
    primary key (event_id, owner_id)
  )`);
  await runner.query(`create index subscription_owner on bet_maker.subscription (owner_id)`);
  // By the transaction first: numbers alone become visible out of their order. Without an owner: for all who bet on it.
  await runner.query(`create table bet_maker.notification (
    tx xid8 not null default pg_current_xact_id(),
    id bigint generated always as identity (cache 100),
    owner_id text,
    event_id text not null,
    kind text not null,
    body json not null,
    created_at timestamptz not null default now(),
    primary key (tx, id)
  ) with (${CHURN})`);
  await runner.query(
    `create index notification_owner on bet_maker.notification (owner_id, tx, id) where owner_id is not null`,
  );
  await runner.query(
    `create index notification_event on bet_maker.notification (event_id, tx, id) where owner_id is null`,
  );
}

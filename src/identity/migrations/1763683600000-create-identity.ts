import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateIdentity1763683600000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema identity`);
    await runner.query(`create table identity.account (
      id uuid primary key,
      email text not null constraint account_email unique check (email = lower(email)),
      name text not null,
      password text not null,
      roles text[] not null,
      rights text[] not null,
      disabled_at timestamptz,
      created_at timestamptz not null
    )`);
    await runner.query(
      `create table identity.role (name text primary key, rights text[] not null)`,
    );
    await runner.query(`insert into identity.role (name, rights) values
      ('admin', '{admin}'), ('operator', '{task:operate}'),
      ('designer', '{workflow:design}'), ('trader', '{betting:trade}')`);
    // A session is a family of refresh tokens: each names its generation, and only the newest is good.
    await runner.query(`create table identity.session (
      id uuid primary key,
      account_id uuid not null references identity.account on delete cascade,
      generation integer not null,
      rotated_at timestamptz not null,
      expires_at timestamptz not null
    ) with (fillfactor = 80)`);
    await runner.query(`create index session_account on identity.session (account_id)`);
    await createThrottles(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop schema identity cascade`);
  }
}

/** Digests instead of emails and addresses: what is only compared need not be kept readable. */
async function createThrottles(runner: QueryRunner): Promise<void> {
  await runner.query(`create table identity.throttle (
    key bytea primary key,
    level double precision not null,
    changed_at timestamptz not null
  ) with (fillfactor = 80)`);
  await runner.query(`create table identity.known_address (
    account_id uuid not null references identity.account on delete cascade,
    address bytea not null,
    seen_at timestamptz not null,
    primary key (account_id, address)
  )`);
}

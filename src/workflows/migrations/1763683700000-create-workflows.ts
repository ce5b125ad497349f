import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateWorkflows1763683700000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema workflows`);
    await createDefinitions(runner);
    await createInstances(runner);
    await createUserTasks(runner);
    await createNews(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop schema workflows cascade`);
  }
}

async function createDefinitions(runner: QueryRunner): Promise<void> {
  await runner.query(`create table workflows.workflow (
    key text primary key,
    name text not null,
    draft json not null,
    revision integer not null,
    latest integer,
    config json not null default '{}',
    config_revision integer not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null
  ) with (fillfactor = 80)`);
  await runner.query(`create table workflows.workflow_version (
    key text not null references workflows.workflow,
    version integer not null,
    definition json not null,
    published_at timestamptz not null,
    published_by text,
    primary key (key, version)
  )`);
}

/**
 * A step changes nothing that is indexed and finds room on its page, so it is a heap-only update: the indexes of an
 * instance are written at its start and at its end. Ids are UUID v7, so histories can be partitioned by ranges of them,
 * which are ranges of time.
 */
async function createInstances(runner: QueryRunner): Promise<void> {
  await runner.query(`create table workflows.instance (
    id uuid primary key,
    key text not null,
    version integer not null,
    business_key text,
    status text not null check (status in ('running', 'completed', 'failed', 'cancelled')),
    outcome text,
    error json,
    state json not null,
    jobs json,
    seq integer not null,
    incidents integer not null,
    parent_id uuid,
    parent_token integer,
    parent_attempt integer,
    depth smallint not null,
    start_key text,
    correlation_id text not null,
    traceparent text not null,
    started_at timestamptz not null,
    updated_at timestamptz not null,
    ended_at timestamptz
  ) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0,
          autovacuum_analyze_scale_factor = 0.05)`);
  await runner.query(`create index instance_status on workflows.instance (key, status, id)`);
  await runner.query(`create index instance_business_key on workflows.instance (business_key, id)
    where business_key is not null`);
  await runner.query(`create index instance_parent on workflows.instance (parent_id, parent_token)
    where parent_id is not null`);
  await runner.query(`create unique index instance_start_key on workflows.instance (key, start_key)
    where start_key is not null`);
  await runner.query(`create table workflows.history (
    instance_id uuid not null,
    seq integer not null,
    at timestamptz not null,
    command json not null,
    events json not null,
    primary key (instance_id, seq)
  )`);
}

async function createUserTasks(runner: QueryRunner): Promise<void> {
  await runner.query(`create table workflows.user_task (
    id uuid primary key,
    instance_id uuid not null,
    token integer not null,
    attempt integer not null,
    workflow text not null,
    version integer not null,
    business_key text,
    node text not null,
    title text not null,
    roles text[] not null,
    users text[] not null,
    assignee text,
    status text not null check (status in ('created', 'claimed', 'completed', 'cancelled')),
    outcomes text[] not null,
    form json,
    data json,
    due_at timestamptz,
    outcome text,
    result json,
    completed_by text,
    created_at timestamptz not null,
    updated_at timestamptz not null
  ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`);
  const isOpen = `where status in ('created', 'claimed')`;
  await runner.query(`create index user_task_token on workflows.user_task (instance_id, token)`);
  await runner.query(`create index user_task_open on workflows.user_task (id) ${isOpen}`);
  await runner.query(
    `create index user_task_roles on workflows.user_task using gin (roles) ${isOpen}`,
  );
  await runner.query(
    `create index user_task_assignee on workflows.user_task (assignee, id) ${isOpen}`,
  );
}

/** Who waits for what, and what has come before anybody waited for it. */
async function createNews(runner: QueryRunner): Promise<void> {
  await runner.query(`create table workflows.subscription (
    instance_id uuid not null,
    token integer not null,
    slot text not null,
    kind text not null check (kind in ('message', 'signal')),
    name text not null,
    key text,
    primary key (instance_id, token, slot)
  ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`);
  await runner.query(
    `create index subscription_name on workflows.subscription (kind, name, key, instance_id, token)`,
  );
  await runner.query(`create table workflows.buffered_message (
    id uuid primary key,
    name text not null,
    key text,
    data json,
    expires_at timestamptz not null
  )`);
  await runner.query(
    `create index buffered_message_name on workflows.buffered_message (name, key, id)`,
  );
  await runner.query(
    `create index buffered_message_expiry on workflows.buffered_message (expires_at)`,
  );
  await runner.query(`create table workflows.criterion_report (
    name text not null,
    key text not null,
    data json,
    at timestamptz not null,
    primary key (name, key)
  ) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`);
}

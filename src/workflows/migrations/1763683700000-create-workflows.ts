import type { MigrationInterface, QueryRunner } from 'typeorm';
import { daysFrom, DEFAULT_PARTITION, partitionStatement } from '../history-partitions.js';

export class CreateWorkflows1763683700000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema workflows`);
    await createDefinitions(runner);
    await createLinks(runner);
    await createTriggers(runner);
    await createInstances(runner);
    await createUserTasks(runner);
    await createNews(runner);
    await createOperations(runner);
    await createViews(runner);
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
    paused boolean not null default false,
    paused_nodes text[] not null default '{}',
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
  await runner.query(`create table workflows.audit (
    key text not null references workflows.workflow,
    id uuid not null,
    at timestamptz not null,
    by text,
    action text not null,
    details json not null,
    primary key (key, id)
  )`);
}

async function createLinks(runner: QueryRunner): Promise<void> {
  await runner.query(`create table workflows.link (
    id uuid primary key,
    from_key text not null references workflows.workflow,
    from_end text,
    to_key text not null references workflows.workflow,
    map json not null,
    last_error json,
    created_at timestamptz not null,
    unique nulls not distinct (from_key, from_end, to_key)
  )`);
  await runner.query(`create index link_to on workflows.link (to_key)`);
}

/** What starts instances of the latest version of each workflow. */
async function createTriggers(runner: QueryRunner): Promise<void> {
  await runner.query(`create table workflows.start_trigger (
    key text not null references workflows.workflow,
    node text not null,
    version integer not null,
    kind text not null check (kind in ('message', 'timer', 'criterion')),
    name text,
    message_key text,
    timer json,
    next_at timestamptz,
    last_error json,
    primary key (key, node)
  ) with (fillfactor = 80)`);
  await runner.query(
    `create index start_trigger_name on workflows.start_trigger (kind, name) where name is not null`,
  );
  await runner.query(`create table workflows.start_edge (
    key text not null,
    node text not null,
    about text not null,
    until timestamptz,
    primary key (key, node, about)
  ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`);
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
  ) partition by range (instance_id)`);
  await runner.query(
    `create table workflows.${DEFAULT_PARTITION} partition of workflows.history default`,
  );
  // The scheduler goes on from here.
  for (const day of daysFrom(new Date(), 8)) await runner.query(partitionStatement(day));
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
    candidates text[] not null,
    assignee text,
    owner text,
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
    `create index user_task_candidates on workflows.user_task using gin (candidates) ${isOpen}`,
  );
  await runner.query(
    `create index user_task_workflow on workflows.user_task (workflow, id) ${isOpen}`,
  );
  // Of most tasks these columns are null, and then cost nothing.
  for (const column of ['assignee', 'owner', 'due_at', 'business_key'])
    await runner.query(
      `create index user_task_${column} on workflows.user_task (${column}, id) ${isOpen} and ${column} is not null`,
    );
  await runner.query(`create table workflows.user_task_comment (
    id uuid primary key,
    user_task_id uuid not null references workflows.user_task on delete cascade,
    author text not null,
    text text not null,
    created_at timestamptz not null
  )`);
  await runner.query(
    `create index user_task_comment_task on workflows.user_task_comment (user_task_id, id)`,
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

/** What is stuck, and what is done to many instances at once. */
async function createOperations(runner: QueryRunner): Promise<void> {
  await runner.query(`create table workflows.incident (
    instance_id uuid not null,
    token integer not null,
    key text not null,
    version integer not null,
    node text not null,
    code text not null,
    message text not null,
    raised_at timestamptz not null,
    primary key (instance_id, token)
  ) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`);
  await runner.query(`create index incident_key on workflows.incident (key, instance_id, token)`);
  await runner.query(`create table workflows.batch (
    id uuid primary key,
    work json not null,
    status text not null check (status in ('running', 'completed', 'cancelled')),
    total integer not null,
    done integer not null default 0,
    failed integer not null default 0,
    last_instance_id uuid,
    created_by text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    ended_at timestamptz
  ) with (fillfactor = 70)`);
  await runner.query(`create table workflows.batch_failure (
    batch_id uuid not null references workflows.batch on delete cascade,
    instance_id uuid not null,
    problems json not null,
    primary key (batch_id, instance_id)
  )`);
}

/** Copies for those who look: counts by node, which are appended and added up later, and variables to search by. */
async function createViews(runner: QueryRunner): Promise<void> {
  const counts = `key text not null, version integer not null, node text not null,
    tokens bigint not null, incidents bigint not null, completed bigint not null`;
  await runner.query(
    `create table workflows.heat (${counts}, primary key (key, version, node)) with (fillfactor = 70)`,
  );
  await runner.query(`create table workflows.heat_delta (${counts})
    with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0)`);
  await runner.query(`create table workflows.instance_variable (
    instance_id uuid not null,
    key text not null,
    name text not null,
    value text not null,
    primary key (instance_id, name)
  )`);
  await runner.query(
    `create index instance_variable_value on workflows.instance_variable (key, name, value, instance_id)`,
  );
}

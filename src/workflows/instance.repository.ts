import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { Incident, StoredState } from './engine/state.js';
import { restoreState, storeState } from './engine/state.js';
import type { Instance, WorkRef } from './runtime/instance.js';
import type { Decided } from './runtime/movement.js';

interface InstanceRow {
  readonly id: string;
  readonly key: string;
  readonly version: number;
  readonly config_revision: number;
  readonly business_key: string | null;
  readonly start_key: string | null;
  readonly parent_id: string | null;
  readonly parent_token: number | null;
  readonly parent_attempt: number | null;
  readonly depth: number;
  readonly correlation_id: string;
  readonly traceparent: string;
  readonly started_at: Date;
  readonly updated_at: Date;
  readonly ended_at: Date | null;
  readonly state: StoredState;
  readonly jobs: Readonly<Record<string, string>> | null;
  readonly seq: number;
  readonly incidents: number;
  readonly outcome: string | null;
  readonly error: Incident | null;
}

const SELECT = `select i.*, w.config_revision from workflows.instance i join workflows.workflow w using (key)`;

/** Any number that nothing else in the database uses as a class of locks. */
const START_KEYS = 7_263_405;

/** The only code that writes instances and their history: set-based, in the open Unit of Work. */
@Injectable()
export class InstanceRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Locks and loads; ids that name no instance are left out. */
  async lockMany(ids: readonly string[]): Promise<Map<string, Instance>> {
    const rows = await this.unitOfWork.query<InstanceRow>(
      // The order keeps two batches from waiting for each other.
      `${SELECT} where i.id = any($1) order by i.id for update of i`,
      [ids],
    );
    return new Map(rows.map((row) => [row.id, toInstance(row)]));
  }

  /**
   * Loads those that have a start key already. From here to the end of the transaction nobody else can start an
   * instance with one of these keys.
   */
  async loadStarted(starts: readonly { key: string; startKey: string }[]): Promise<Instance[]> {
    const keys = [starts.map(({ key }) => key), starts.map(({ startKey }) => startKey)];
    await this.unitOfWork.query(
      // By slots, because the locks of all transactions share a table of some thousands.
      `select pg_advisory_xact_lock(${START_KEYS}, slot) from (
         select distinct (hashtextextended(key || ' ' || start_key, 0) & 1023)::int as slot
         from unnest($1::text[], $2::text[]) as start (key, start_key) order by slot) as slots`,
      keys,
    );
    const rows = await this.unitOfWork.query<InstanceRow>(
      `${SELECT} join unnest($1::text[], $2::text[]) as start (key, start_key)
         on start.key = i.key and start.start_key = i.start_key`,
      keys,
    );
    return rows.map(toInstance);
  }

  /** Ids of at most `limit` running instances of a workflow, those behind `after`. */
  async runningAfter(key: string, after: string | undefined, limit: number): Promise<string[]> {
    const rows = await this.unitOfWork.query<{ id: string }>(
      `select id from workflows.instance where key = $1 and status = 'running'
         and ($2::uuid is null or id > $2) order by id limit $3`,
      [key, after ?? null, limit],
    );
    return rows.map(({ id }) => id);
  }

  /** Ids of running instances that these tokens wait for. */
  async childrenOf(parents: readonly WorkRef[]): Promise<string[]> {
    const rows = await this.unitOfWork.query<{ id: string }>(
      `select i.id from unnest($1::uuid[], $2::int[], $3::int[]) as parent (id, token, attempt)
       join workflows.instance i on i.parent_id = parent.id and i.parent_token = parent.token
       where i.parent_attempt = parent.attempt and i.status = 'running'`,
      [
        parents.map(({ instanceId }) => instanceId),
        parents.map(({ token }) => token),
        parents.map(({ attempt }) => attempt),
      ],
    );
    return rows.map(({ id }) => id);
  }

  /** New ones are written with the commit. */
  async save(instances: readonly Instance[], decided: readonly Decided[]): Promise<void> {
    const added = instances.filter(({ isNew }) => isNew);
    if (added.length > 0) this.#insert(added);
    const changed = instances.filter(({ isNew }) => !isNew);
    if (changed.length > 0) await this.#update(changed);
    if (decided.length > 0) this.#append(decided);
  }

  /** Of instances that were migrated. */
  async setVersion(ids: readonly string[], version: number): Promise<void> {
    await this.unitOfWork.query(`update workflows.instance set version = $2 where id = any($1)`, [
      ids,
      version,
    ]);
  }

  #insert(instances: readonly Instance[]): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.instance (id, key, version, business_key, start_key, parent_id, parent_token, parent_attempt,
         depth, correlation_id, traceparent, started_at, status, outcome, error, state, jobs, seq, incidents,
         updated_at, ended_at)
       select id, key, version, business_key, start_key, parent_id, parent_token, parent_attempt, depth, correlation_id,
              traceparent, started_at, status, outcome, error::json, state::json, jobs::json, seq, incidents,
              updated_at, ended_at
       from unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $6::uuid[], $7::int[], $8::smallint[],
                   $9::text[], $10::text[], $11::timestamptz[], $12::text[], $13::text[], $14::text[], $15::text[],
                   $16::text[], $17::int[], $18::int[], $19::timestamptz[], $20::timestamptz[], $21::int[])
         as added (id, key, version, business_key, start_key, parent_id, parent_token, depth, correlation_id,
                   traceparent, started_at, status, outcome, error, state, jobs, seq, incidents, updated_at, ended_at,
                   parent_attempt)`,
      columns(instances, [
        ({ id }) => id,
        ({ key }) => key,
        ({ version }) => version,
        ({ businessKey }) => businessKey,
        ({ startKey }) => startKey,
        ({ parent }) => parent?.instanceId,
        ({ parent }) => parent?.token,
        ({ depth }) => depth,
        ({ correlationId }) => correlationId,
        ({ traceparent }) => traceparent,
        ({ startedAt }) => startedAt,
        ...CHANGING,
        ({ parent }) => parent?.attempt,
      ]),
    );
  }

  async #update(instances: readonly Instance[]): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.instance as i set status = saved.status, outcome = saved.outcome, error = saved.error::json,
              state = saved.state::json, jobs = saved.jobs::json, seq = saved.seq, incidents = saved.incidents,
              updated_at = saved.updated_at, ended_at = saved.ended_at
       from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[],
                   $8::int[], $9::timestamptz[], $10::timestamptz[])
         as saved (id, status, outcome, error, state, jobs, seq, incidents, updated_at, ended_at)
       where i.id = saved.id`,
      columns(instances, [({ id }) => id, ...CHANGING]),
    );
  }

  #append(decided: readonly Decided[]): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.history (instance_id, seq, at, command, events)
       select instance_id, seq, at, command::json, events::json
       from unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::text[], $5::text[])
         as decided (instance_id, seq, at, command, events)`,
      [
        decided.map(({ instanceId }) => instanceId),
        decided.map(({ seq }) => seq),
        decided.map(({ at }) => at),
        decided.map(({ command }) => JSON.stringify(command)),
        decided.map(({ events }) => JSON.stringify(events)),
      ],
    );
  }
}

type Column = (instance: Instance) => unknown;

/** What a step may change, in the order in which both statements name it. */
const CHANGING: readonly Column[] = [
  ({ state }) => state.status,
  ({ outcome }) => outcome,
  ({ error }) => (error ? JSON.stringify(error) : null),
  ({ state }) => JSON.stringify(storeState(state)),
  ({ jobs }) => (jobs.size > 0 ? JSON.stringify(Object.fromEntries(jobs)) : null),
  ({ seq }) => seq,
  ({ incidents }) => incidents,
  ({ updatedAt }) => updatedAt,
  ({ endedAt }) => endedAt,
];

const columns = (instances: readonly Instance[], wanted: readonly Column[]): unknown[][] =>
  wanted.map((column) => instances.map((instance) => column(instance) ?? null));

function toInstance(row: InstanceRow): Instance {
  return {
    id: row.id,
    key: row.key,
    version: row.version,
    configRevision: row.config_revision,
    businessKey: row.business_key,
    startKey: row.start_key,
    parent:
      row.parent_id !== null && row.parent_token !== null && row.parent_attempt !== null
        ? { instanceId: row.parent_id, token: row.parent_token, attempt: row.parent_attempt }
        : null,
    depth: row.depth,
    correlationId: row.correlation_id,
    traceparent: row.traceparent,
    startedAt: row.started_at,
    isNew: false,
    state: restoreState(row.state),
    jobs: new Map(Object.entries(row.jobs ?? {})),
    seq: row.seq,
    incidents: row.incidents,
    outcome: row.outcome,
    error: row.error,
    updatedAt: row.updated_at,
    endedAt: row.ended_at,
  };
}

import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { Wanted } from './runtime/gathered.js';
import type { TokenRef } from './runtime/instance.js';

/** Which incidents are meant; what is left out does not matter. */
export interface IncidentFilter {
  readonly workflow?: string | undefined;
  readonly code?: string | undefined;
  readonly node?: string | undefined;
  readonly instance_id?: string | undefined;
}

/** Conditions of a filter, with the parameters that it adds. */
export function incidentConditions(filter: IncidentFilter, parameters: unknown[]): string[] {
  const columns: [column: string, value: unknown][] = [
    ['key', filter.workflow],
    ['code', filter.code],
    ['node', filter.node],
    ['instance_id', filter.instance_id],
  ];
  return columns.flatMap(([column, value]) =>
    value === undefined ? [] : `${column} = $${String(parameters.push(value))}`,
  );
}

/** The only code that writes incidents: one row for each token that is stuck, in the open Unit of Work. */
@Injectable()
export class IncidentRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** With the commit. A token that is stuck already is so for the newer reason. */
  insertMany(raised: readonly Wanted<'raise_incident'>[], now: Date): void {
    this.unitOfWork.deferInsert(
      `insert into workflows.incident (instance_id, token, key, version, node, code, message, raised_at)
       select *, $8::timestamptz from unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[])
       on conflict (instance_id, token) do update
         set node = excluded.node, code = excluded.code, message = excluded.message, raised_at = excluded.raised_at`,
      [
        raised.map(({ instance }) => instance.id),
        raised.map(({ effect }) => effect.token),
        raised.map(({ instance }) => instance.key),
        raised.map(({ instance }) => instance.version),
        raised.map(({ effect }) => effect.node),
        raised.map(({ effect }) => effect.incident.code),
        raised.map(({ effect }) => effect.incident.message),
        now,
      ],
    );
  }

  async deleteMany(tokens: readonly TokenRef[]): Promise<void> {
    await this.unitOfWork.query(
      // One by one: with the statistics of an empty table a join would walk all that was deleted.
      `delete from workflows.incident where ctid = any(array(
         select found.ctid from unnest($1::uuid[], $2::int[]) as gone (instance_id, token)
         cross join lateral (
           select ctid from workflows.incident i
           where i.instance_id = gone.instance_id and i.token = gone.token limit 1) as found))`,
      [tokens.map(({ instanceId }) => instanceId), tokens.map(({ token }) => token)],
    );
  }

  /** Of instances that were migrated. */
  async rename(ids: readonly string[], version: number, nodes: object): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.incident set version = $2, node = coalesce($3::jsonb ->> node, node)
       where instance_id = any($1)`,
      [ids, version, JSON.stringify(nodes)],
    );
  }

  /** Instances that such an incident was raised in no later than then. */
  async countInstances(filter: IncidentFilter, until: Date): Promise<number> {
    const parameters: unknown[] = [until];
    const conditions = ['raised_at <= $1', ...incidentConditions(filter, parameters)];
    const [row] = await this.unitOfWork.query<{ count: number }>(
      `select count(distinct instance_id)::int as count from workflows.incident where ${conditions.join(' and ')}`,
      parameters,
    );
    return row?.count ?? 0;
  }

  /** The next of those instances, at most `limit` behind `after`. */
  async nextInstances(
    filter: IncidentFilter,
    { after, until, limit }: { after: string | null; until: Date; limit: number },
  ): Promise<string[]> {
    const parameters: unknown[] = [until, after, limit];
    const conditions = [
      'raised_at <= $1 and ($2::uuid is null or instance_id > $2)',
      ...incidentConditions(filter, parameters),
    ];
    const rows = await this.unitOfWork.query<{ instance_id: string }>(
      `select distinct instance_id from workflows.incident where ${conditions.join(' and ')}
       order by instance_id limit $3`,
      parameters,
    );
    return rows.map(({ instance_id: id }) => id);
  }
}

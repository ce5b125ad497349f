import { Injectable } from '@nestjs/common';
import type { Slice } from '../batches/batch-work.js';
import { Database } from '../../kernel/persistence/database.js';

export interface RunningFilter {
  readonly workflow: string;
  /** Those of this version. */
  readonly version?: number | undefined;
  /** Those of any other version than this. */
  readonly notVersion?: number | undefined;
}

const CONDITIONS = `key = $1 and status = 'running' and started_at <= $2
  and ($3::int is null or version = $3) and ($4::int is null or version <> $4)`;

const parametersOf = ({ workflow, version, notVersion }: RunningFilter, until: Date): unknown[] => [
  workflow,
  until,
  version ?? null,
  notVersion ?? null,
];

/** The running instances of a workflow, a part of them at a time. */
@Injectable()
export class RunningInstances {
  constructor(private readonly database: Database) {}

  async count(filter: RunningFilter, until: Date): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      `select count(*)::int as count from workflows.instance where ${CONDITIONS}`,
      parametersOf(filter, until),
    );
    return row?.count ?? 0;
  }

  async next(filter: RunningFilter, { after, until, limit }: Slice): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `select id from workflows.instance where ${CONDITIONS} and ($5::uuid is null or id > $5)
       order by id limit $6`,
      [...parametersOf(filter, until), after, limit],
    );
    return rows.map(({ id }) => id);
  }
}

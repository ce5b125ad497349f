import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { JsonObject } from './definition/json.js';

export interface NewLink {
  readonly id: string;
  readonly from: string;
  /** The outcome in which the instance ends; null: any. */
  readonly end: string | null;
  readonly to: string;
  readonly map: JsonObject;
  readonly createdAt: Date;
}

export type DeletedLink = Pick<NewLink, 'from' | 'end' | 'to'>;

/** Why what a link asks for was not started. */
export interface LinkFailure {
  readonly id: string;
  readonly instanceId: string;
  readonly message: string;
}

/** The only code that writes links, in the open Unit of Work. */
@Injectable()
export class LinkRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Locks those workflows that exist, and answers their latest versions. */
  async lockWorkflows(keys: readonly string[]): Promise<Map<string, number | null>> {
    const rows = await this.unitOfWork.query<{ key: string; latest: number | null }>(
      `select key, latest from workflows.workflow where key = any($1) order by key for update`,
      [keys],
    );
    return new Map(rows.map(({ key, latest }) => [key, latest]));
  }

  /** False when there is such a link already. */
  async insert({ id, from, end, to, map, createdAt }: NewLink): Promise<boolean> {
    const rows = await this.unitOfWork.query(
      `insert into workflows.link (id, from_key, from_end, to_key, map, created_at)
       values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning id`,
      [id, from, end, to, JSON.stringify(map), createdAt],
    );
    if (rows.length > 0) await this.#tell(from);
    return rows.length > 0;
  }

  /** Answers the link that was there. */
  async delete(id: string): Promise<DeletedLink | undefined> {
    const [row] = await this.unitOfWork.query<DeletedLink>(
      `delete from workflows.link where id = $1 returning from_key as "from", from_end as "end", to_key as "to"`,
      [id],
    );
    if (row) await this.#tell(row.from);
    return row;
  }

  async saveFailures(failures: readonly LinkFailure[], now: Date): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.link l set last_error = json_build_object(
         'message', failed.message, 'instance_id', failed.instance_id, 'at', $4::timestamptz)
       from unnest($1::uuid[], $2::uuid[], $3::text[]) as failed (id, instance_id, message)
       where l.id = failed.id`,
      [
        failures.map(({ id }) => id),
        failures.map(({ instanceId }) => instanceId),
        failures.map(({ message }) => message),
        now,
      ],
    );
  }

  /** Links are read with the config, so whoever has cached one sees by its revision that they are others now. */
  async #tell(key: string): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.workflow set config_revision = config_revision + 1 where key = $1`,
      [key],
    );
  }
}

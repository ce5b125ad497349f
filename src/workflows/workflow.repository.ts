import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { JsonObject } from './definition/json.js';
import type { VersionView } from './workflows.dto.js';

export interface WorkflowRow {
  readonly key: string;
  readonly name: string;
  readonly draft: JsonObject;
  readonly revision: number;
  readonly latest: number | null;
  readonly config: JsonObject;
  readonly config_revision: number;
  readonly paused: boolean;
  readonly paused_nodes: readonly string[];
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** The only code that writes workflows: their drafts, versions and config, in the open Unit of Work. */
@Injectable()
export class WorkflowRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Locks and loads. */
  async lock(key: string): Promise<WorkflowRow | undefined> {
    const [row] = await this.unitOfWork.query<WorkflowRow>(
      `select * from workflows.workflow where key = $1 for update`,
      [key],
    );
    return row;
  }

  /** False when there is one already. */
  async insert(key: string, name: string, draft: JsonObject, now: Date): Promise<boolean> {
    const rows = await this.unitOfWork.query(
      `insert into workflows.workflow (key, name, draft, revision, created_at, updated_at)
       values ($1, $2, $3, 1, $4, $4) on conflict do nothing returning key`,
      [key, name, JSON.stringify(draft), now],
    );
    return rows.length > 0;
  }

  async saveDraft(key: string, name: string, draft: JsonObject, now: Date): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.workflow set name = $2, draft = $3, revision = revision + 1, updated_at = $4
       where key = $1`,
      [key, name, JSON.stringify(draft), now],
    );
  }

  async saveConfig(key: string, config: JsonObject, now: Date): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.workflow set config = $2, config_revision = config_revision + 1, updated_at = $3
       where key = $1`,
      [key, JSON.stringify(config), now],
    );
  }

  /** Counts as a change of the config, so that no process goes on by what it has cached. */
  async savePause(
    key: string,
    { paused, nodes }: { paused: boolean; nodes: readonly string[] },
    now: Date,
  ): Promise<void> {
    await this.unitOfWork.query(
      `update workflows.workflow set paused = $2, paused_nodes = $3, config_revision = config_revision + 1,
              updated_at = $4
       where key = $1`,
      [key, paused, nodes, now],
    );
  }

  /** The workflow must be locked. */
  async publish(version: VersionView, definition: JsonObject): Promise<void> {
    await this.unitOfWork.query(
      `insert into workflows.workflow_version (key, version, definition, published_at, published_by)
       values ($1, $2, $3, $4, $5)`,
      [
        version.key,
        version.version,
        JSON.stringify(definition),
        version.published_at,
        version.published_by,
      ],
    );
    await this.unitOfWork.query(
      `update workflows.workflow set latest = $2, updated_at = $3 where key = $1`,
      [version.key, version.version, version.published_at],
    );
  }
}

import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Database } from '../../kernel/persistence/database.js';
import { workflowDraft } from '../definition/draft.js';
import type { JsonObject } from '../definition/json.js';
import { WorkflowNotFound, WorkflowVersionNotFound } from '../domain/workflow.errors.js';
import type { ConfigView, PublishedVersion, VersionView } from '../workflows.dto.js';

/** Newest first, at most a thousand. Throws `WorkflowNotFound`. */
export class ListVersions extends Query<readonly VersionView[]> {
  constructor(readonly key: string) {
    super();
  }
}

@Handles(ListVersions)
export class ListVersionsHandler implements Handler<ListVersions> {
  constructor(private readonly database: Database) {}

  async execute({ key }: ListVersions): Promise<readonly VersionView[]> {
    const rows = await this.database.query<VersionView>(
      `select key, version, published_at, published_by
       from workflows.workflow_version where key = $1 order by version desc limit 1000`,
      [key],
    );
    if (rows.length === 0) await expectWorkflow(this.database, key);
    return rows;
  }
}

/** Throws `WorkflowNotFound`, `WorkflowVersionNotFound`. */
export class GetVersion extends Query<PublishedVersion> {
  constructor(
    readonly key: string,
    readonly version: number,
  ) {
    super();
  }
}

@Handles(GetVersion)
export class GetVersionHandler implements Handler<GetVersion> {
  constructor(private readonly database: Database) {}

  async execute({ key, version }: GetVersion): Promise<PublishedVersion> {
    const [row] = await this.database.query<PublishedVersion>(
      `select key, version, published_at, published_by, definition
       from workflows.workflow_version where key = $1 and version = $2`,
      [key, version],
    );
    if (row) return row;
    await expectWorkflow(this.database, key);
    throw new WorkflowVersionNotFound(key, version);
  }
}

/** Throws `WorkflowNotFound`. */
export class GetConfig extends Query<ConfigView> {
  constructor(readonly key: string) {
    super();
  }
}

@Handles(GetConfig)
export class GetConfigHandler implements Handler<GetConfig> {
  constructor(private readonly database: Database) {}

  async execute({ key }: GetConfig): Promise<ConfigView> {
    const [row] = await this.database.query<{
      revision: number;
      config: JsonObject;
      definition: unknown;
    }>(
      `select config_revision as revision, config, definition from workflows.workflow w
       left join workflows.workflow_version v on v.key = w.key and v.version = w.latest
       where w.key = $1`,
      [key],
    );
    if (!row) throw new WorkflowNotFound(key);
    const declared = workflowDraft.safeParse(row.definition).data?.config ?? {};
    const defaults = Object.entries(declared).flatMap(([name, { default: value }]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    const effective = { ...Object.fromEntries(defaults), ...row.config };
    return { revision: row.revision, values: row.config, effective };
  }
}

/** Throws `WorkflowNotFound`. */
export async function expectWorkflow(database: Database, key: string): Promise<void> {
  const found = await database.query('select from workflows.workflow where key = $1', [key]);
  if (found.length === 0) throw new WorkflowNotFound(key);
}

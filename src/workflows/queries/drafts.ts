import { Query } from '@nestjs/cqrs';
import { z } from 'zod';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { Database } from '../../kernel/persistence/database.js';
import { WorkflowNotFound } from '../domain/workflow.errors.js';
import { DraftFindings } from '../modules/draft-findings.js';
import type { DraftView, ListWorkflowsRequest, WorkflowView } from '../workflows.dto.js';

/** Throws `WorkflowNotFound`. */
export class GetDraft extends Query<DraftView> {
  constructor(readonly key: string) {
    super();
  }
}

@Handles(GetDraft)
export class GetDraftHandler implements Handler<GetDraft> {
  constructor(
    private readonly database: Database,
    private readonly findings: DraftFindings,
  ) {}

  async execute({ key }: GetDraft): Promise<DraftView> {
    const [row] = await this.database.query<Omit<DraftView, 'findings'>>(
      `select key, revision, latest as latest_version, draft, updated_at
       from workflows.workflow where key = $1`,
      [key],
    );
    if (!row) throw new WorkflowNotFound(key);
    return { ...row, findings: await this.findings.of(row.draft) };
  }
}

/** By their keys. Throws `ValidationError` for a broken cursor. */
export class ListWorkflows extends Query<Page<WorkflowView>> {
  constructor(readonly request: ListWorkflowsRequest) {
    super();
  }
}

@Handles(ListWorkflows)
export class ListWorkflowsHandler implements Handler<ListWorkflows> {
  constructor(private readonly database: Database) {}

  async execute({ request: { cursor, limit } }: ListWorkflows): Promise<Page<WorkflowView>> {
    const after = cursor === undefined ? '' : decodeCursor(z.string(), cursor);
    const rows = await this.database.query<WorkflowView>(
      `select key, name, latest as latest_version, revision, paused, paused_nodes, created_at, updated_at
       from workflows.workflow where key > $1 order by key limit $2`,
      [after, limit + 1],
    );
    return page(rows, limit, ({ key }) => key);
  }
}

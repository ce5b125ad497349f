import { Query } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { decodeCursor, type Page, page } from '../../kernel/http/pages.js';
import { uuidParam } from '../../kernel/http/shapes.js';
import { Database } from '../../kernel/persistence/database.js';
import type { AuditRequest, AuditView } from '../workflow-control.dto.js';
import { expectWorkflow } from './versions.js';

/** Newest first. Throws `WorkflowNotFound`, and `ValidationError` for a broken cursor. */
export class ListAudit extends Query<Page<AuditView>> {
  constructor(
    readonly key: string,
    readonly request: AuditRequest,
  ) {
    super();
  }
}

@Handles(ListAudit)
export class ListAuditHandler implements Handler<ListAudit> {
  constructor(private readonly database: Database) {}

  async execute({ key, request: { limit, cursor } }: ListAudit): Promise<Page<AuditView>> {
    const before = cursor === undefined ? null : decodeCursor(uuidParam, cursor);
    const rows = await this.database.query<AuditView>(
      `select id, at, by, action, details from workflows.audit
       where key = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`,
      [key, before, limit + 1],
    );
    if (rows.length === 0) await expectWorkflow(this.database, key);
    return page(rows, limit, ({ id }) => id);
  }
}

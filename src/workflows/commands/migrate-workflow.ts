import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { AuditRepository } from '../audit.repository.js';
import { Migrator } from '../runtime/migrator.js';
import type { BatchView } from '../workflow-batches.dto.js';
import type { MigrateAllRequest } from '../workflow-migrations.dto.js';
import { WorkflowNotFound } from '../domain/workflow.errors.js';
import { WorkflowRepository } from '../workflow.repository.js';
import { CreateBatch } from './create-batch.js';

/** Sets out to take running instances to another version. Throws `WorkflowNotFound`, `ValidationError`. */
export class MigrateWorkflow extends Command<BatchView> {
  constructor(
    readonly key: string,
    readonly request: MigrateAllRequest,
    readonly by: string | null,
  ) {
    super();
  }
}

@Handles(MigrateWorkflow)
export class MigrateWorkflowHandler implements Handler<MigrateWorkflow> {
  constructor(
    private readonly audit: AuditRepository,
    private readonly mediator: Mediator,
    private readonly migrator: Migrator,
    private readonly workflows: WorkflowRepository,
  ) {}

  async execute({ key, request, by }: MigrateWorkflow): Promise<BatchView> {
    if (!(await this.workflows.lock(key))) throw new WorkflowNotFound(key);
    const work = { kind: 'migrate', workflow: key, ...request } as const;
    await this.migrator.target(work);
    const batch = await this.mediator.execute(new CreateBatch(work, by));
    const { version, from_version: from, nodes } = request;
    const details = { batch_id: batch.id, version, from_version: from ?? null, nodes };
    if (!request.dry_run) this.audit.append(key, 'migrated', by, details);
    return batch;
  }
}

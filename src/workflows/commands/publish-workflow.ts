import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { AuditRepository } from '../audit.repository.js';
import { DraftHasErrors, WorkflowNotFound } from '../domain/workflow.errors.js';
import { DraftFindings } from '../modules/draft-findings.js';
import { WorkflowRepository } from '../workflow.repository.js';
import type { Publication } from '../workflows.dto.js';

/** Makes the draft the next version, which never changes. Throws `WorkflowNotFound`, `DraftHasErrors`. */
export class PublishWorkflow extends Command<Publication> {
  constructor(
    readonly key: string,
    /** Who says so; null where nobody had to log in. */
    readonly publishedBy: string | null,
  ) {
    super();
  }
}

@Handles(PublishWorkflow)
export class PublishWorkflowHandler implements Handler<PublishWorkflow> {
  constructor(
    private readonly audit: AuditRepository,
    private readonly clock: Clock,
    private readonly findings: DraftFindings,
    private readonly workflows: WorkflowRepository,
  ) {}

  async execute({ key, publishedBy }: PublishWorkflow): Promise<Publication> {
    const workflow = await this.workflows.lock(key);
    if (!workflow) throw new WorkflowNotFound(key);
    const findings = await this.findings.of(workflow.draft);
    if (findings.some(({ severity }) => severity === 'error'))
      throw new DraftHasErrors(key, findings);
    const version = {
      key,
      version: (workflow.latest ?? 0) + 1,
      published_at: this.clock.now(),
      published_by: publishedBy,
    };
    await this.workflows.publish(version, workflow.draft);
    this.audit.append(key, 'published', publishedBy, { version: version.version });
    return { ...version, findings };
  }
}

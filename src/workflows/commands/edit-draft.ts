import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { type DraftEdit, editDraft } from '../definition/draft-edit.js';
import { DraftChangedMeanwhile, WorkflowNotFound } from '../domain/workflow.errors.js';
import { DraftFindings } from '../modules/draft-findings.js';
import { WorkflowRepository } from '../workflow.repository.js';
import type { DraftView } from '../workflows.dto.js';

/**
 * Changes one thing of a draft, with its errors if it has some then. Throws `WorkflowNotFound`, `DraftChangedMeanwhile`,
 * and what `editDraft` throws.
 */
export class EditDraft extends Command<DraftView> {
  constructor(
    readonly key: string,
    readonly edit: DraftEdit,
    /** Only if the stored draft is at this revision. */
    readonly revision?: number,
  ) {
    super();
  }
}

@Handles(EditDraft)
export class EditDraftHandler implements Handler<EditDraft> {
  constructor(
    private readonly clock: Clock,
    private readonly findings: DraftFindings,
    private readonly workflows: WorkflowRepository,
  ) {}

  async execute({ key, edit, revision }: EditDraft): Promise<DraftView> {
    const stored = await this.workflows.lock(key);
    if (!stored) throw new WorkflowNotFound(key);
    if (revision !== undefined && revision !== stored.revision)
      throw new DraftChangedMeanwhile(key, stored.revision);
    const draft = editDraft(stored.draft, edit);
    const now = this.clock.now();
    await this.workflows.saveDraft(key, stored.name, draft, now);
    return {
      key,
      draft,
      findings: await this.findings.of(draft),
      revision: stored.revision + 1,
      latest_version: stored.latest,
      updated_at: now,
    };
  }
}

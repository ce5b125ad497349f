import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { workflowDraft } from '../definition/draft.js';
import type { JsonObject } from '../definition/json.js';
import { firstOccurrence, startTriggers } from '../definition/start-triggers.js';
import { AuditRepository } from '../audit.repository.js';
import { DraftHasErrors, WorkflowNotFound } from '../domain/workflow.errors.js';
import { DraftFindings } from '../modules/draft-findings.js';
import { startTimerMessage } from '../runtime/messages.js';
import { TriggerRepository } from '../trigger.repository.js';
import { WorkflowRepository } from '../workflow.repository.js';
import type { Publication, VersionView } from '../workflows.dto.js';

/**
 * Makes the draft the next version, which never changes, and lets its start nodes listen in place of those of the
 * version before. Throws `WorkflowNotFound`, `DraftHasErrors`.
 */
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
    private readonly outbox: Outbox,
    private readonly findings: DraftFindings,
    private readonly triggers: TriggerRepository,
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
    await this.#listen(version, workflow.draft);
    this.audit.append(key, 'published', publishedBy, { version: version.version });
    return { ...version, findings };
  }

  async #listen(published: VersionView, draft: JsonObject): Promise<void> {
    const { key, version, published_at: now } = published;
    const triggers = startTriggers(workflowDraft.parse(draft)).map((trigger) => {
      const { timer } = trigger;
      return { ...trigger, nextAt: timer === null ? null : firstOccurrence(timer, now) };
    });
    await this.triggers.replace(key, version, triggers);
    const starts = triggers.map(({ node, nextAt }) => ({ key, node, nextAt }));
    await this.outbox.append(starts.flatMap(startTimerMessage));
  }
}

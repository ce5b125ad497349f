import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { placeIn } from '../../kernel/domain/domain-error.js';
import type { JsonObject } from '../definition/json.js';
import { WorkflowExists } from '../domain/draft.errors.js';
import { DraftFindings } from '../modules/draft-findings.js';
import type { CreateWorkflowRequest } from '../workflow-drafts.dto.js';
import { WorkflowRepository } from '../workflow.repository.js';
import type { DraftView } from '../workflows.dto.js';

/** Creates workflows, all or none, each with a first draft. Throws `WorkflowExists`. */
export class CreateWorkflows extends Command<DraftView[]> {
  constructor(readonly requests: readonly CreateWorkflowRequest[]) {
    super();
  }
}

@Handles(CreateWorkflows)
export class CreateWorkflowsHandler implements Handler<CreateWorkflows> {
  constructor(
    private readonly clock: Clock,
    private readonly findings: DraftFindings,
    private readonly workflows: WorkflowRepository,
  ) {}

  async execute({ requests }: CreateWorkflows): Promise<DraftView[]> {
    const created: DraftView[] = [];
    for (const [index, request] of requests.entries()) {
      const { key, name = key } = request;
      const draft = { nodes: [], flows: [], ...request } as JsonObject;
      const now = this.clock.now();
      if (!(await this.workflows.insert(key, name, draft, now)))
        throw new WorkflowExists(key, placeIn(requests, index));
      const findings = await this.findings.of(draft);
      created.push({ key, draft, findings, revision: 1, latest_version: null, updated_at: now });
    }
    return created;
  }
}

import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ValidationError } from '../../kernel/http/validation.js';
import { AuditRepository } from '../audit.repository.js';
import { DefinitionRepository } from '../definition.repository.js';
import { WorkflowNotFound } from '../domain/workflow.errors.js';
import { WorkflowRepository, type WorkflowRow } from '../workflow.repository.js';
import type { WorkflowPauseView } from '../workflow-control.dto.js';
import { CreateBatch } from './create-batch.js';

/**
 * Holds every instance of a workflow, or one node of it, from their next decision on: nothing is written to them. The
 * resume sends a batch to those that were held. Throws `WorkflowNotFound`, `ValidationError`.
 */
export class PauseWorkflow extends Command<WorkflowPauseView> {
  constructor(
    readonly key: string,
    readonly change: { readonly isPaused: boolean; readonly node?: string | undefined },
    readonly by: string | null,
  ) {
    super();
  }
}

@Handles(PauseWorkflow)
export class PauseWorkflowHandler implements Handler<PauseWorkflow> {
  constructor(
    private readonly audit: AuditRepository,
    private readonly clock: Clock,
    private readonly mediator: Mediator,
    private readonly definitions: DefinitionRepository,
    private readonly workflows: WorkflowRepository,
  ) {}

  async execute({ key, change, by }: PauseWorkflow): Promise<WorkflowPauseView> {
    const { isPaused, node } = change;
    const workflow = await this.workflows.lock(key);
    if (!workflow) throw new WorkflowNotFound(key);
    if (node !== undefined && isPaused) await this.#expectNode(workflow, node);
    const next = changed(workflow, change);
    await this.workflows.savePause(key, next, this.clock.now());
    this.audit.append(key, isPaused ? 'paused' : 'resumed', by, { node: node ?? null });
    const view = { key, paused: next.paused, paused_nodes: next.nodes };
    if (isPaused) return { ...view, batch_id: null };
    const batch = await this.mediator.execute(
      new CreateBatch({ kind: 'resume', workflow: key, node }, by),
    );
    return { ...view, batch_id: batch.id };
  }

  async #expectNode({ key, latest, config_revision }: WorkflowRow, node: string): Promise<void> {
    const ref = { key, version: latest ?? 0, configRevision: config_revision };
    const found = (await this.definitions.load([ref])).get(key, ref.version);
    if (found?.definition.compiled.nodes.has(node)) return;
    const message = `is no node of the latest version of ${key}`;
    throw new ValidationError('body', [{ field: 'node', message }]);
  }
}

function changed(
  { paused, paused_nodes: nodes }: WorkflowRow,
  { isPaused, node }: PauseWorkflow['change'],
): { paused: boolean; nodes: string[] } {
  if (node === undefined) return { paused: isPaused, nodes: [...nodes] };
  const others = nodes.filter((one) => one !== node);
  return { paused, nodes: isPaused ? [...others, node] : others };
}

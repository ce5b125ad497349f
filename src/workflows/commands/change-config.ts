import { Command } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { ValidationError } from '../../kernel/http/validation.js';
import { Outbox } from '../../kernel/outbox/outbox.js';
import { AuditRepository } from '../audit.repository.js';
import { DefinitionRepository, type Definition } from '../definition.repository.js';
import type { JsonObject } from '../definition/json.js';
import { WorkflowNotFound } from '../domain/workflow.errors.js';
import { reconsiderMessage } from '../runtime/messages.js';
import { WorkflowRepository, type WorkflowRow } from '../workflow.repository.js';
import type { ConfigView } from '../workflows.dto.js';

/**
 * Sets values of a workflow's config, null for the default again. Running instances read the new ones from their next
 * step on, and those that wait for a condition are told to look again. Throws `WorkflowNotFound`, `ValidationError`.
 */
export class ChangeConfig extends Command<ConfigView> {
  constructor(
    readonly key: string,
    readonly change: JsonObject,
    /** Who says so; null where nobody had to log in. */
    readonly by: string | null,
  ) {
    super();
  }
}

@Handles(ChangeConfig)
export class ChangeConfigHandler implements Handler<ChangeConfig> {
  constructor(
    private readonly audit: AuditRepository,
    private readonly clock: Clock,
    private readonly outbox: Outbox,
    private readonly definitions: DefinitionRepository,
    private readonly workflows: WorkflowRepository,
  ) {}

  async execute({ key, change, by }: ChangeConfig): Promise<ConfigView> {
    const workflow = await this.workflows.lock(key);
    if (!workflow) throw new WorkflowNotFound(key);
    const definition = await this.#latest(workflow);
    const errors = Object.entries(change).flatMap(([name, value]) => {
      if (value === null) return [];
      const problem = definition?.configProblem(name, value);
      return problem === undefined ? [] : [{ field: name, message: problem }];
    });
    if (errors.length > 0) throw new ValidationError('body', errors);
    const merged = { ...workflow.config, ...change };
    const values = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
    await this.workflows.saveConfig(key, values, this.clock.now());
    this.audit.append(key, 'config-changed', by, differences(workflow.config, change));
    await this.outbox.append([reconsiderMessage(key)]);
    return {
      revision: workflow.config_revision + 1,
      values,
      effective: { ...definition?.defaults, ...values },
    };
  }

  async #latest({ key, latest, config_revision }: WorkflowRow): Promise<Definition | undefined> {
    if (latest === null) return undefined;
    const ref = { key, version: latest, configRevision: config_revision };
    return (await this.definitions.load([ref])).get(key, latest)?.definition;
  }
}

/** By name, what it was and what it is; null stands for the default. */
const differences = (before: JsonObject, change: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(change).map(([name, after]) => [name, { before: before[name] ?? null, after }]),
  );

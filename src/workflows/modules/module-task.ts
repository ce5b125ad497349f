import { z } from 'zod';
import {
  PermanentError,
  type TaskContext,
  TaskHandler,
  type TaskRunner,
} from '../../tasks/index.js';
import { fieldErrors } from '../../kernel/http/validation.js';
import { WorkflowModules } from './workflow-modules.js';
import type { ModuleResult } from './workflow-module.js';

/** The kind of tasks in which modules work. */
export const MODULE_TASK = 'workflow.module';

const moduleWork = z.object({
  module: z.string(),
  config: z.json(),
  instance_id: z.uuid(),
  workflow: z.string(),
  node: z.string(),
  idempotency_key: z.string(),
});

const moduleResult = z.object({ outcome: z.string().optional(), result: z.unknown() });

/** Passes: as during a rolling update, another worker may know it. */
class UnknownModule extends Error {
  override readonly name = 'unknown-module';
}

/**
 * Lets a module work, with the rights of whoever designed the workflow: so only the engine may ask for it. A config that
 * breaks its schema is not tried again.
 */
@TaskHandler(MODULE_TASK, { payload: moduleWork, result: moduleResult, internal: true })
export class ModuleTask implements TaskRunner {
  constructor(private readonly modules: WorkflowModules) {}

  async run(payload: unknown, context: TaskContext): Promise<ModuleResult> {
    const work = moduleWork.parse(payload);
    const module = this.modules.get(work.module);
    if (!module) throw new UnknownModule(`There is no module "${work.module}" here.`);
    const config = module.config?.safeParse(work.config);
    if (config?.success === false)
      throw new PermanentError(wrongFields(config.error, work.config), 'invalid-config');
    return module.runner.execute(config?.data ?? work.config, {
      attempt: context.attempt,
      signal: context.signal,
      logger: context.logger,
      instanceId: work.instance_id,
      workflow: work.workflow,
      node: work.node,
      idempotencyKey: work.idempotency_key,
    });
  }
}

const wrongFields = ({ issues }: z.ZodError, config: unknown): string =>
  fieldErrors(issues, 'config', config)
    .map(({ field, message }) => `${field}: ${message}`)
    .join('; ');

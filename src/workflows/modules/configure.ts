import { z } from 'zod';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { DomainError } from '../../kernel/domain/domain-error.js';
import { PermanentError } from '../../tasks/index.js';
import { ChangeConfig } from '../commands/change-config.js';
import {
  type ModuleContext,
  type ModuleResult,
  WorkflowModule,
  type WorkflowModuleRunner,
} from './workflow-module.js';

const values = z.record(z.string(), z.json());
type Values = z.output<typeof values>;

/** Sets config of its own workflow, for all of its instances, as PATCH /workflows/{key}/config does. */
@WorkflowModule({
  name: 'configure',
  description: 'Sets config of the workflow; null goes back to the default.',
  config: values,
})
export class Configure implements WorkflowModuleRunner<Values> {
  constructor(private readonly mediator: Mediator) {}

  async execute(change: Values, { workflow, instanceId }: ModuleContext): Promise<ModuleResult> {
    try {
      await this.mediator.execute(new ChangeConfig(workflow, change, `instance ${instanceId}`));
      return {};
    } catch (error) {
      if (!(error instanceof DomainError) || error.passes) throw error;
      throw new PermanentError(`config.${error.message}`, 'invalid-config');
    }
  }
}

import { Injectable } from '@nestjs/common';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ListTaskKinds } from '../../tasks/index.js';
import type { Finding } from '../definition/findings.js';
import type { JsonObject } from '../definition/json.js';
import { validateWorkflow } from '../definition/validate.js';
import { taskModulesOf } from './task-modules.js';
import { WorkflowModules } from './workflow-modules.js';

/** All that is wrong with a draft, kinds of nodes that this program cannot do included. */
@Injectable()
export class DraftFindings {
  constructor(
    private readonly mediator: Mediator,
    private readonly modules: WorkflowModules,
  ) {}

  async of(draft: JsonObject): Promise<Finding[]> {
    const { items: kinds } = await this.mediator.ask(new ListTaskKinds());
    const tasks = taskModulesOf(kinds.map(({ kind }) => kind));
    return validateWorkflow(draft, new Set([...this.modules.names, ...tasks]));
  }
}

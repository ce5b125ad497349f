import { Injectable } from '@nestjs/common';
import { workflowDraft } from '../definition/draft.js';
import { type Finding, nodeError } from '../definition/findings.js';
import type { JsonObject } from '../definition/json.js';
import { validateWorkflow } from '../definition/validate.js';
import { WorkflowModules } from './workflow-modules.js';

/** All that is wrong with a draft, the kinds of nodes that this program has no module for included. */
@Injectable()
export class DraftFindings {
  constructor(private readonly modules: WorkflowModules) {}

  of(draft: JsonObject): Finding[] {
    return [...validateWorkflow(draft), ...this.#unknownModules(draft)];
  }

  #unknownModules(input: JsonObject): Finding[] {
    const nodes = workflowDraft.safeParse(input).data?.nodes ?? [];
    return nodes.flatMap((node) =>
      node.type !== 'task' || this.modules.knows(node.kind)
        ? []
        : nodeError(
            'unknown-module',
            node,
            `${node.id} is of the kind "${node.kind}", which no module does; there are: ${this.modules.names.join(', ')}`,
          ),
    );
  }
}

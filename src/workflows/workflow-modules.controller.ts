import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Public } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../kernel/http/api.decorators.js';
import { ListTaskKinds } from '../tasks/index.js';
import { workflowJsonSchema } from './definition/draft.js';
import { WorkflowModules } from './modules/workflow-modules.js';
import { moduleList, type ModuleView } from './workflows.dto.js';

const SCHEMA = workflowJsonSchema();

@ApiTags('workflows')
@Controller()
export class WorkflowModulesController {
  constructor(
    private readonly mediator: Mediator,
    private readonly modules: WorkflowModules,
  ) {}

  @Public()
  @Get('workflow-schema')
  @ApiOperation({ summary: 'Get the JSON Schema (2020-12) of workflows' })
  @ApiAnswer(z.looseObject({}).meta({ description: 'JSON Schema' }))
  schema(): object {
    return SCHEMA;
  }

  @Get('workflow-modules')
  @ApiOperation({ summary: 'List what a node of type task can do' })
  @ApiAnswer(moduleList)
  async list(): Promise<{ items: ModuleView[] }> {
    const { items: kinds } = await this.mediator.ask(new ListTaskKinds());
    return { items: this.modules.views(kinds) };
  }
}

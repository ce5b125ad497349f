import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { uuidParam } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { MigrateInstance } from './commands/migrate-instance.js';
import { answerOf, TellInstances } from './commands/tell-instances.js';
import type { WorkflowCommand } from './engine/commands.js';
import { WORKFLOWS } from './runtime/messages.js';
import { OPERATE } from './workflow.access.js';
import { type InstanceView, instanceView } from './workflow-instances.dto.js';
import {
  migrateBody,
  type MigrateRequest,
  type MigrationView,
  migrationView,
} from './workflow-migrations.dto.js';
import {
  extendBody,
  type ExtendRequest,
  modifyBody,
  type ModifyRequest,
  pauseBody,
  type PauseRequest,
  variablesBody,
  type VariablesRequest,
} from './workflow-operations.dto.js';

/** Whoever operates interferes with one instance. */
@ApiTags('workflow operations')
@Controller('workflow-instances')
@MessageScope(WORKFLOWS)
@RequiresRight(OPERATE)
export class WorkflowOperationsController {
  constructor(private readonly mediator: Mediator) {}

  @Post(':instance_id/pause')
  @OnMessage('instances/:instance_id/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Let nothing begin in an instance, or at one of its nodes' })
  @ApiAnswer(instanceView)
  @ApiProblems(409)
  pause(
    @Param('instance_id', { schema: uuidParam }) id: string,
    @Body({ schema: pauseBody }) { node }: PauseRequest,
  ): Promise<InstanceView> {
    return this.#tell(id, { type: 'pause', ...(node !== undefined && { node }) });
  }

  @Post(':instance_id/resume')
  @OnMessage('instances/:instance_id/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Go on after a pause' })
  @ApiAnswer(instanceView)
  @ApiProblems(409)
  resume(
    @Param('instance_id', { schema: uuidParam }) id: string,
    @Body({ schema: pauseBody }) { node }: PauseRequest,
  ): Promise<InstanceView> {
    return this.#tell(id, { type: 'resume', ...(node !== undefined && { node }) });
  }

  @Post(':instance_id/modify')
  @OnMessage('instances/:instance_id/modify')
  @HttpCode(200)
  @ApiOperation({ summary: 'Move a token, or put a new one at a node' })
  @ApiAnswer(instanceView)
  @ApiProblems(409)
  modify(
    @Param('instance_id', { schema: uuidParam }) id: string,
    @Body({ schema: modifyBody }) { token, to }: ModifyRequest,
  ): Promise<InstanceView> {
    return this.#tell(id, { type: 'modify', to, ...(token !== undefined && { token }) });
  }

  @Post(':instance_id/variables')
  @OnMessage('instances/:instance_id/variables')
  @HttpCode(200)
  @ApiOperation({ summary: 'Set variables; the others stay as they are' })
  @ApiAnswer(instanceView)
  @ApiProblems(409)
  setVariables(
    @Param('instance_id', { schema: uuidParam }) id: string,
    @Body({ schema: variablesBody }) { variables }: VariablesRequest,
  ): Promise<InstanceView> {
    return this.#tell(id, { type: 'set_variables', variables });
  }

  @Post(':instance_id/extend')
  @OnMessage('instances/:instance_id/extend')
  @HttpCode(200)
  @ApiOperation({ summary: 'Have a node that is done many times done more often' })
  @ApiAnswer(instanceView)
  @ApiProblems(409)
  extend(
    @Param('instance_id', { schema: uuidParam }) id: string,
    @Body({ schema: extendBody }) { token, items, count }: ExtendRequest,
  ): Promise<InstanceView> {
    return this.#tell(id, {
      type: 'extend',
      token,
      ...(items && { items }),
      ...(count !== undefined && { count }),
    });
  }

  @Post(':instance_id/migrate')
  @OnMessage('instances/:instance_id/migrate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Take an instance to another version, or tell what would go wrong' })
  @ApiAnswer(migrationView)
  @ApiProblems(409)
  migrate(
    @Param('instance_id', { schema: uuidParam }) id: string,
    @Body({ schema: migrateBody }) body: MigrateRequest,
  ): Promise<MigrationView> {
    return this.mediator.execute(new MigrateInstance(id, body));
  }

  async #tell(instanceId: string, command: WorkflowCommand): Promise<InstanceView> {
    return answerOf(await this.mediator.execute(new TellInstances([{ instanceId, command }])));
  }
}

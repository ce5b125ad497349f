import { Body, Controller, Delete, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import { inTheSameShape } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { CreateWorkflows } from './commands/create-workflows.js';
import { EditDraft } from './commands/edit-draft.js';
import type { JsonObject } from './definition/json.js';
import { WORKFLOWS } from './runtime/messages.js';
import { SimulateDraft } from './queries/simulate-draft.js';
import { DESIGN } from './workflow.access.js';
import {
  createWorkflowsBody,
  type CreateWorkflowRequest,
  editQuery,
  type EditQuery,
  flowBody,
  flowIdParam,
  nodeBody,
  nodeChange,
  nodeIdParam,
} from './workflow-drafts.dto.js';
import {
  simulateDraft,
  type SimulateRequest,
  type SimulationView,
  simulationView,
} from './workflow-simulation.dto.js';
import { type DraftView, draftView, workflowKey } from './workflows.dto.js';

/** The making of a draft, step by step; each answer tells what is wrong with the draft as it is then. */
@ApiTags('workflow drafts')
@Controller('workflows')
@MessageScope(WORKFLOWS)
@RequiresRight(DESIGN)
export class WorkflowDraftsController {
  constructor(private readonly mediator: Mediator) {}

  @Post()
  @OnMessage('drafts/create')
  @Idempotent()
  @ApiOperation({ summary: 'Create a workflow with its first draft, or up to 100' })
  @ApiAnswer(draftView, { status: 201, description: 'The draft, with what is wrong with it' })
  @ApiProblems(409)
  create(
    @Body({ schema: createWorkflowsBody }) body: CreateWorkflowRequest | CreateWorkflowRequest[],
  ): Promise<DraftView | readonly DraftView[]> {
    return inTheSameShape(body, (requests) => this.mediator.execute(new CreateWorkflows(requests)));
  }

  @Post(':key/draft/nodes')
  @OnMessage('drafts/:key/nodes/add')
  @Idempotent()
  @ApiOperation({ summary: 'Add a node to a draft' })
  @ApiAnswer(draftView, { status: 201, description: 'The draft with it' })
  @ApiProblems(409)
  addNode(
    @Param('key', { schema: workflowKey }) key: string,
    @Query({ schema: editQuery }) { revision }: EditQuery,
    @Body({ schema: nodeBody }) node: JsonObject,
  ): Promise<DraftView> {
    return this.mediator.execute(new EditDraft(key, { do: 'add-node', node }, revision));
  }

  @Patch(':key/draft/nodes/:node_id')
  @OnMessage('drafts/:key/nodes/:node_id/change')
  @ApiOperation({ summary: 'Change a node of a draft' })
  @ApiAnswer(draftView)
  @ApiProblems(409)
  changeNode(
    @Param('key', { schema: workflowKey }) key: string,
    @Param('node_id', { schema: nodeIdParam }) id: string,
    @Query({ schema: editQuery }) { revision }: EditQuery,
    @Body({ schema: nodeChange }) change: JsonObject,
  ): Promise<DraftView> {
    return this.mediator.execute(new EditDraft(key, { do: 'change-node', id, change }, revision));
  }

  @Delete(':key/draft/nodes/:node_id')
  @OnMessage('drafts/:key/nodes/:node_id/remove')
  @HttpCode(200)
  @ApiOperation({ summary: 'Remove a node from a draft, and the flows from and to it' })
  @ApiAnswer(draftView)
  @ApiProblems(409)
  removeNode(
    @Param('key', { schema: workflowKey }) key: string,
    @Param('node_id', { schema: nodeIdParam }) id: string,
    @Query({ schema: editQuery }) { revision }: EditQuery,
  ): Promise<DraftView> {
    return this.mediator.execute(new EditDraft(key, { do: 'remove-node', id }, revision));
  }

  @Post(':key/draft/flows')
  @OnMessage('drafts/:key/flows/add')
  @Idempotent()
  @ApiOperation({ summary: 'Add a flow to a draft' })
  @ApiAnswer(draftView, { status: 201, description: 'The draft with it' })
  @ApiProblems(409)
  addFlow(
    @Param('key', { schema: workflowKey }) key: string,
    @Query({ schema: editQuery }) { revision }: EditQuery,
    @Body({ schema: flowBody }) flow: JsonObject,
  ): Promise<DraftView> {
    return this.mediator.execute(new EditDraft(key, { do: 'add-flow', flow }, revision));
  }

  @Delete(':key/draft/flows/:flow_id')
  @OnMessage('drafts/:key/flows/:flow_id/remove')
  @HttpCode(200)
  @ApiOperation({ summary: 'Remove a flow from a draft' })
  @ApiAnswer(draftView)
  @ApiProblems(409)
  removeFlow(
    @Param('key', { schema: workflowKey }) key: string,
    @Param('flow_id', { schema: flowIdParam }) id: string,
    @Query({ schema: editQuery }) { revision }: EditQuery,
  ): Promise<DraftView> {
    return this.mediator.execute(new EditDraft(key, { do: 'remove-flow', id }, revision));
  }

  @Post(':key/draft/simulate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Play a draft with made-up outcomes and a virtual clock' })
  @ApiAnswer(simulationView)
  simulate(
    @Param('key', { schema: workflowKey }) key: string,
    @Body({ schema: simulateDraft }) request: SimulateRequest,
  ): Promise<SimulationView> {
    return this.mediator.ask(new SimulateDraft(key, request));
  }
}

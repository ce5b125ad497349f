import { Body, Controller, Get, HttpCode, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, RequiresRight } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import type { Page } from '../kernel/http/pages.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { ChangeConfig } from './commands/change-config.js';
import { PublishWorkflow } from './commands/publish-workflow.js';
import { SaveDraft } from './commands/save-draft.js';
import type { JsonObject } from './definition/json.js';
import { GetDraft, ListWorkflows } from './queries/drafts.js';
import { ListTriggers } from './queries/triggers.js';
import { GetConfig, GetVersion, ListVersions } from './queries/versions.js';
import { WORKFLOWS } from './runtime/messages.js';
import { DESIGN, idOf } from './workflow.access.js';
import {
  configChange,
  type ConfigView,
  configView,
  draftBody,
  type DraftView,
  draftView,
  findings,
  listWorkflowsQuery,
  type ListWorkflowsRequest,
  type Publication,
  publication,
  type PublishedVersion,
  publishedVersion,
  saveDraftQuery,
  type SaveDraftQuery,
  triggerList,
  type TriggerView,
  versionList,
  versionParam,
  type VersionView,
  workflowKey,
  workflowPage,
  type WorkflowView,
} from './workflows.dto.js';

@ApiTags('workflows')
@Controller('workflows')
@MessageScope(WORKFLOWS)
export class WorkflowsController {
  constructor(private readonly mediator: Mediator) {}

  @Get()
  @ApiOperation({ summary: 'List workflows by key' })
  @ApiAnswer(workflowPage)
  list(
    @Query({ schema: listWorkflowsQuery }) query: ListWorkflowsRequest,
  ): Promise<Page<WorkflowView>> {
    return this.mediator.ask(new ListWorkflows(query));
  }

  @Get(':key/draft')
  @ApiOperation({ summary: 'Get a draft, with what is wrong with it' })
  @ApiAnswer(draftView)
  draft(@Param('key', { schema: workflowKey }) key: string): Promise<DraftView> {
    return this.mediator.ask(new GetDraft(key));
  }

  @RequiresRight(DESIGN)
  @Put(':key/draft')
  @OnMessage('drafts/:key/save')
  @ApiOperation({ summary: 'Save a draft, with its errors if it has some' })
  @ApiAnswer(draftView)
  @ApiProblems(409)
  save(
    @Param('key', { schema: workflowKey }) key: string,
    @Query({ schema: saveDraftQuery }) { revision }: SaveDraftQuery,
    @Body({ schema: draftBody }) body: JsonObject,
  ): Promise<DraftView> {
    return this.mediator.execute(new SaveDraft(key, body, revision));
  }

  @Post(':key/draft/validate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Tell what is wrong with the draft' })
  @ApiAnswer(findings)
  async validate(
    @Param('key', { schema: workflowKey }) key: string,
  ): Promise<Pick<DraftView, 'findings'>> {
    const draft = await this.mediator.ask(new GetDraft(key));
    return { findings: draft.findings };
  }

  @RequiresRight(DESIGN)
  @Post(':key/draft/publish')
  @OnMessage('drafts/:key/publish')
  @ApiOperation({ summary: 'Publish the draft as the next version' })
  @ApiAnswer(publication, { status: 201, description: 'The version, which never changes' })
  publish(
    @Param('key', { schema: workflowKey }) key: string,
    @CurrentCaller() caller: Caller,
  ): Promise<Publication> {
    return this.mediator.execute(new PublishWorkflow(key, idOf(caller)));
  }

  @Get(':key/versions')
  @ApiOperation({ summary: 'List the versions, newest first' })
  @ApiAnswer(versionList)
  async versions(
    @Param('key', { schema: workflowKey }) key: string,
  ): Promise<{ items: readonly VersionView[] }> {
    return { items: await this.mediator.ask(new ListVersions(key)) };
  }

  @Get(':key/versions/:version')
  @ApiOperation({ summary: 'Get a version' })
  @ApiAnswer(publishedVersion)
  version(
    @Param('key', { schema: workflowKey }) key: string,
    @Param('version', { schema: versionParam }) version: number,
  ): Promise<PublishedVersion> {
    return this.mediator.ask(new GetVersion(key, version));
  }

  @Get(':key/triggers')
  @ApiOperation({ summary: 'List what starts instances by itself' })
  @ApiAnswer(triggerList)
  async triggers(
    @Param('key', { schema: workflowKey }) key: string,
  ): Promise<{ items: readonly TriggerView[] }> {
    return { items: await this.mediator.ask(new ListTriggers(key)) };
  }

  @Get(':key/config')
  @ApiOperation({ summary: 'Get the config' })
  @ApiAnswer(configView)
  config(@Param('key', { schema: workflowKey }) key: string): Promise<ConfigView> {
    return this.mediator.ask(new GetConfig(key));
  }

  @RequiresRight(DESIGN)
  @Patch(':key/config')
  @OnMessage('config/:key/change')
  @ApiOperation({ summary: 'Change the config, also of instances that run' })
  @ApiAnswer(configView)
  changeConfig(
    @Param('key', { schema: workflowKey }) key: string,
    @Body({ schema: configChange }) body: JsonObject,
    @CurrentCaller() caller: Caller,
  ): Promise<ConfigView> {
    return this.mediator.execute(new ChangeConfig(key, body, idOf(caller)));
  }
}

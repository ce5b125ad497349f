import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, RequiresRight } from '../kernel/access/access.decorators.js';
import type { Caller } from '../kernel/access/caller.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { Idempotent } from '../kernel/http/idempotent.decorator.js';
import type { Page } from '../kernel/http/pages.js';
import { inTheSameShape, uuidParam } from '../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../kernel/messaging/message.decorators.js';
import { DeleteLink } from './commands/delete-link.js';
import { LinkWorkflows } from './commands/link-workflows.js';
import { ListLinks } from './queries/links.js';
import { WORKFLOWS } from './runtime/messages.js';
import { DESIGN, idOf } from './workflow.access.js';
import {
  type CreateLinkRequest,
  createLinksBody,
  linkPage,
  type LinkView,
  linkView,
  listLinksQuery,
  type ListLinksRequest,
} from './workflow-links.dto.js';

@ApiTags('workflow links')
@Controller('workflow-links')
@MessageScope(WORKFLOWS)
export class WorkflowLinksController {
  constructor(private readonly mediator: Mediator) {}

  @RequiresRight(DESIGN)
  @Post()
  @OnMessage('links/create')
  @Idempotent()
  @ApiOperation({ summary: 'Start one workflow where another one ends, or join up to 100' })
  @ApiAnswer(linkView, { status: 201, description: 'The link' })
  @ApiProblems(409)
  create(
    @Body({ schema: createLinksBody }) body: CreateLinkRequest | CreateLinkRequest[],
    @CurrentCaller() caller: Caller,
  ): Promise<LinkView | readonly LinkView[]> {
    return inTheSameShape(body, (requests) =>
      this.mediator.execute(new LinkWorkflows(requests, idOf(caller))),
    );
  }

  @Get()
  @ApiOperation({ summary: 'List links, newest first' })
  @ApiAnswer(linkPage)
  list(@Query({ schema: listLinksQuery }) query: ListLinksRequest): Promise<Page<LinkView>> {
    return this.mediator.ask(new ListLinks(query));
  }

  @RequiresRight(DESIGN)
  @Delete(':link_id')
  @OnMessage('links/:link_id/delete')
  @HttpCode(204)
  @ApiOperation({ summary: 'End a link' })
  delete(
    @Param('link_id', { schema: uuidParam }) id: string,
    @CurrentCaller() caller: Caller,
  ): Promise<void> {
    return this.mediator.execute(new DeleteLink(id, idOf(caller)));
  }
}

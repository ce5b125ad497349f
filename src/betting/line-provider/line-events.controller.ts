import { Body, Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../../kernel/access/access.decorators.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../../kernel/http/api.decorators.js';
import { Idempotent } from '../../kernel/http/idempotent.decorator.js';
import { inTheSameShape } from '../../kernel/http/shapes.js';
import { MessageScope, OnMessage } from '../../kernel/messaging/message.decorators.js';
import { ChangeEvents } from './commands/change-events.js';
import { CreateEvents } from './commands/create-events.js';
import { type LineChange, VOID } from './domain/line-event.state.js';
import {
  type ChangeEventRequest,
  changeEventsBody,
  changeOf,
  type CreateEventRequest,
  createEventsBody,
  endingOf,
  type EndingRequest,
  eventIdParam,
  lineEvent,
  type LineEventView,
  newEventOf,
  resettleBody,
  resultBody,
  versionBody,
  type VersionRequest,
} from './line-events.dto.js';
import { GetEvent } from './queries/get-event.js';

@ApiTags('line provider')
@Controller('event')
@MessageScope('line-provider')
@RequiresRight('betting:trade')
export class LineEventsController {
  constructor(private readonly mediator: Mediator) {}

  @Post()
  @OnMessage('events/create')
  @Idempotent()
  @ApiOperation({ summary: 'Add an event to the line, or up to 1,000 at once' })
  @ApiAnswer(lineEvent, { status: 201, description: 'The event; an array for an array' })
  create(
    @Body({ schema: createEventsBody }) body: CreateEventRequest | CreateEventRequest[],
  ): Promise<LineEventView | readonly LineEventView[]> {
    return inTheSameShape(body, (items) =>
      this.mediator.execute(new CreateEvents(items.map(newEventOf))),
    );
  }

  @Put()
  @OnMessage('events/update')
  @Idempotent()
  @ApiOperation({ summary: 'Change odds, deadline or status of an event, or of up to 1,000' })
  @ApiAnswer(lineEvent, { description: 'The event as it is now; an array for an array' })
  @ApiProblems(404)
  update(
    @Body({ schema: changeEventsBody }) body: ChangeEventRequest | ChangeEventRequest[],
  ): Promise<LineEventView | readonly LineEventView[]> {
    return inTheSameShape(body, (items) =>
      this.mediator.execute(new ChangeEvents(items.map(changeOf))),
    );
  }

  @Get(':event_id')
  @ApiOperation({ summary: 'Get an event of the line' })
  @ApiAnswer(lineEvent)
  get(@Param('event_id', { schema: eventIdParam }) eventId: string): Promise<LineEventView> {
    return this.mediator.ask(new GetEvent(eventId));
  }

  @Post(':event_id/suspend')
  @OnMessage('events/:event_id/suspend')
  @HttpCode(200)
  @ApiOperation({ summary: 'Stop betting on an event for a while' })
  @ApiAnswer(lineEvent)
  @ApiProblems(409)
  suspend(
    @Param('event_id', { schema: eventIdParam }) eventId: string,
    @Body({ schema: versionBody }) { version }: VersionRequest,
  ): Promise<LineEventView> {
    return this.#change({ eventId, version, goal: { to: 'suspended' } });
  }

  @Post(':event_id/resume')
  @OnMessage('events/:event_id/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Go on with betting on a suspended event' })
  @ApiAnswer(lineEvent)
  @ApiProblems(409)
  resume(
    @Param('event_id', { schema: eventIdParam }) eventId: string,
    @Body({ schema: versionBody }) { version }: VersionRequest,
  ): Promise<LineEventView> {
    return this.#change({ eventId, version, goal: { to: 'open' } });
  }

  @Post(':event_id/result')
  @OnMessage('events/:event_id/result')
  @HttpCode(200)
  @ApiOperation({ summary: 'Say how an event ended; one that is open is closed first' })
  @ApiAnswer(lineEvent)
  @ApiProblems(409)
  result(
    @Param('event_id', { schema: eventIdParam }) eventId: string,
    @Body({ schema: resultBody }) body: EndingRequest,
  ): Promise<LineEventView> {
    const goal = { to: 'settled', ending: endingOf(body) } as const;
    return this.#change({ eventId, version: body.version, goal });
  }

  @Post(':event_id/void')
  @OnMessage('events/:event_id/void')
  @HttpCode(200)
  @ApiOperation({ summary: 'Call an event off: every stake is to be given back' })
  @ApiAnswer(lineEvent)
  @ApiProblems(409)
  void(
    @Param('event_id', { schema: eventIdParam }) eventId: string,
    @Body({ schema: versionBody }) { version }: VersionRequest,
  ): Promise<LineEventView> {
    return this.#change({ eventId, version, goal: { to: 'settled', ending: VOID } });
  }

  @Post(':event_id/resettle')
  @OnMessage('events/:event_id/resettle')
  @HttpCode(200)
  @ApiOperation({ summary: 'Correct how an event ended, under the next settlement number' })
  @ApiAnswer(lineEvent)
  @ApiProblems(409)
  resettle(
    @Param('event_id', { schema: eventIdParam }) eventId: string,
    @Body({ schema: resettleBody }) body: EndingRequest,
  ): Promise<LineEventView> {
    const goal = { to: 'settled', ending: endingOf(body), again: true } as const;
    return this.#change({ eventId, version: body.version, goal });
  }

  async #change(change: LineChange): Promise<LineEventView> {
    const [event] = await this.mediator.execute(new ChangeEvents([change]));
    if (!event) throw new Error('A change of one event answered none');
    return event;
  }
}

import { Controller, Get, Header, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../../kernel/access/access.decorators.js';
import { Mediator } from '../../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../../kernel/http/api.decorators.js';
import type { Page } from '../../kernel/http/pages.js';
import { eventId } from './bets.dto.js';
import {
  eventPage,
  type EventView,
  listEventsQuery,
  type ListEventsRequest,
  settlementList,
  type SettlementView,
} from './events.dto.js';
import { exposureChart } from './exposure.chart.js';
import { LineKeeper } from './line/line-keeper.js';
import { ListEvents, ListSettlements } from './queries/events.js';
import { GetExposure } from './queries/exposure.js';

@ApiTags('events')
@Controller('events')
export class EventsController {
  constructor(
    private readonly mediator: Mediator,
    private readonly line: LineKeeper,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List the events of the line, newest first' })
  @ApiAnswer(eventPage)
  async list(
    @Query({ schema: listEventsQuery }) query: ListEventsRequest,
  ): Promise<Page<EventView>> {
    await this.line.hearOfEvents();
    return this.mediator.ask(new ListEvents(query));
  }

  @Get(':event_id/settlements')
  @RequiresRight('betting:trade')
  @ApiOperation({ summary: 'See how far the settlements of an event have come' })
  @ApiAnswer(settlementList)
  async settlements(
    @Param('event_id', { schema: eventId }) id: string,
  ): Promise<{ items: SettlementView[] }> {
    return { items: await this.mediator.ask(new ListSettlements(id)) };
  }

  @Get(':event_id/exposure.svg')
  @RequiresRight('betting:trade')
  @Header('content-type', 'image/svg+xml; charset=utf-8')
  @Header('refresh', '2')
  @ApiOperation({ summary: 'See the bets and the exposure of an event as a picture that keeps up' })
  @ApiResponse({
    status: 200,
    description: 'Stakes over time, liability and payouts',
    content: { 'image/svg+xml': { schema: { type: 'string' } } },
  })
  async exposure(@Param('event_id', { schema: eventId }) id: string): Promise<string> {
    return exposureChart(await this.mediator.ask(new GetExposure(id)));
  }
}

import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer } from '../kernel/http/api.decorators.js';
import { CHART_MAY_LOAD, usageChart, usagePage } from './chart/usage-chart.js';
import { usageQuery, type UsageRequest, usageView, type UsageView } from './providers.dto.js';
import { GetUsage } from './queries/usage.js';

@ApiTags('providers')
@Controller('providers/usage')
export class ProviderUsageController {
  constructor(private readonly mediator: Mediator) {}

  @Get()
  @ApiOperation({ summary: 'Calls, spending, the optimum and what was paid above it, over time' })
  @ApiAnswer(usageView)
  usage(@Query({ schema: usageQuery }) query: UsageRequest): Promise<UsageView> {
    return this.mediator.ask(new GetUsage(query));
  }

  @Get('chart')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', CHART_MAY_LOAD)
  @ApiOperation({ summary: 'The usage as a page with a chart' })
  @ApiResponse({
    status: 200,
    description: 'Free and paid calls, the optimum and the blocks of the free provider',
    content: { 'text/html': { schema: { type: 'string' }, example: '<!doctype html>…' } },
  })
  async page(@Query({ schema: usageQuery }) query: UsageRequest): Promise<string> {
    return usagePage(await this.mediator.ask(new GetUsage(query)));
  }

  @Get('chart.svg')
  @Header('content-type', 'image/svg+xml; charset=utf-8')
  @Header('content-security-policy', CHART_MAY_LOAD)
  @ApiOperation({ summary: 'The chart alone' })
  @ApiResponse({
    status: 200,
    description: 'An SVG that stands alone',
    content: { 'image/svg+xml': { schema: { type: 'string' }, example: '<svg …>' } },
  })
  async chart(@Query({ schema: usageQuery }) query: UsageRequest): Promise<string> {
    return usageChart(await this.mediator.ask(new GetUsage(query)));
  }
}

import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiOperation,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Public } from '../access/access.decorators.js';
import { HealthChecks } from './health-checks.js';
import type { HealthReport } from './health-checks.js';

const LiveView = z.object({ status: z.literal('ok') });

const HealthView = z.object({
  status: z
    .enum(['ok', 'degraded', 'unavailable', 'draining'])
    .describe('degraded: something that the process can do without is down'),
  checks: z.record(
    z.string(),
    z.object({
      status: z.enum(['up', 'down']),
      critical: z.boolean(),
      latency_ms: z.number(),
      reason: z.string().optional(),
    }),
  ),
});

@ApiTags('health')
@Public()
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthChecks) {}

  /** Asks no dependency: a restart would repair none of them. */
  @Get('live')
  @ApiOperation({ summary: 'Is the process alive?' })
  @ApiOkResponse({ standardSchema: LiveView })
  live(): z.output<typeof LiveView> {
    return { status: 'ok' };
  }

  @Get('ready')
  @ApiOperation({ summary: 'May the process be given traffic?' })
  @ApiOkResponse({ standardSchema: HealthView })
  @ApiServiceUnavailableResponse({ standardSchema: HealthView })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthReport> {
    return this.#answer(reply);
  }

  @Get()
  @ApiOperation({ summary: 'Every dependency with its state and latency' })
  @ApiOkResponse({ standardSchema: HealthView })
  @ApiServiceUnavailableResponse({ standardSchema: HealthView })
  async all(@Res({ passthrough: true }) reply: FastifyReply): Promise<HealthReport> {
    return this.#answer(reply);
  }

  async #answer(reply: FastifyReply): Promise<HealthReport> {
    const report = await this.health.report();
    const usable = report.status === 'ok' || report.status === 'degraded';
    reply.status(usable ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    reply.header('cache-control', 'no-store');
    if (!usable) reply.header('retry-after', '1');
    return report;
  }
}

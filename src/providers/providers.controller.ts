import { Body, Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequiresRight } from '../kernel/access/access.decorators.js';
import { Mediator } from '../kernel/cqrs/mediator.js';
import { ApiAnswer, ApiProblems } from '../kernel/http/api.decorators.js';
import { ChangeProvider } from './commands/change-provider.js';
import { toSettings } from './provider.view.js';
import {
  providerList,
  providerParam,
  type ProviderSettingsRequest,
  type ProviderView,
  providerView,
  putProvider,
} from './providers.dto.js';
import { GetProvider, ListProviders } from './queries/list-providers.js';

@ApiTags('providers')
@Controller('providers')
export class ProvidersController {
  constructor(private readonly mediator: Mediator) {}

  @Get()
  @ApiOperation({
    summary: 'The providers: limits, what remains, when they take calls again, health',
  })
  @ApiAnswer(providerList)
  async list(): Promise<{ items: ProviderView[] }> {
    return { items: await this.mediator.ask(new ListProviders()) };
  }

  @Put(':provider_id')
  @RequiresRight('admin')
  @ApiOperation({
    summary: 'Replace the limits, the price, the budget and the address of a provider',
  })
  @ApiAnswer(providerView)
  @ApiProblems(403, 404)
  async put(
    @Param('provider_id', { schema: providerParam }) id: string,
    @Body({ schema: putProvider }) body: ProviderSettingsRequest,
  ): Promise<ProviderView> {
    return this.#changed(new ChangeProvider(id, toSettings(body)));
  }

  @Post(':provider_id/drain')
  @HttpCode(200)
  @RequiresRight('admin')
  @ApiOperation({ summary: 'Send nothing more to a provider; calls under way end' })
  @ApiAnswer(providerView)
  @ApiProblems(403, 404)
  drain(@Param('provider_id', { schema: providerParam }) id: string): Promise<ProviderView> {
    return this.#changed(new ChangeProvider(id, { drained: true }));
  }

  @Post(':provider_id/enable')
  @HttpCode(200)
  @RequiresRight('admin')
  @ApiOperation({ summary: 'Send to a provider again' })
  @ApiAnswer(providerView)
  @ApiProblems(403, 404)
  enable(@Param('provider_id', { schema: providerParam }) id: string): Promise<ProviderView> {
    return this.#changed(new ChangeProvider(id, { drained: false }));
  }

  async #changed(command: ChangeProvider): Promise<ProviderView> {
    const { id } = await this.mediator.execute(command);
    return this.mediator.ask(new GetProvider(id));
  }
}

import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { ENV, type Env } from '../../kernel/env.js';
import type { Provider } from '../domain/provider.js';
import { ProviderRepository } from '../provider.repository.js';

/** Adds the two providers as the environment describes them, where they are not there yet. */
export class SeedProviders extends Command<void> {}

@Handles(SeedProviders)
export class SeedProvidersHandler implements Handler<SeedProviders> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly providers: ProviderRepository,
  ) {}

  execute(): Promise<void> {
    return this.providers.seed(providersOf(this.env));
  }
}

function providersOf(env: Env): Provider[] {
  const shared = {
    guardMs: 30,
    budgetPeriod: 'day',
    timeoutMs: env.PROVIDERS_TIMEOUT_MS,
    honoursKeys: env.PROVIDERS_HONOUR_KEYS,
    drained: false,
  } as const;
  return [
    {
      ...shared,
      id: 'free',
      url: env.PROVIDER_FREE_URL,
      model: env.PROVIDER_FREE_MODEL,
      limit: env.PROVIDER_FREE_LIMIT,
      periodMs: env.PROVIDER_FREE_PERIOD_MS,
      priceMicros: 0,
      budgetMicros: null,
    },
    {
      ...shared,
      id: 'paid',
      url: env.PROVIDER_PAID_URL,
      model: 'none',
      limit: null,
      periodMs: 1,
      priceMicros: env.PROVIDER_PAID_PRICE_MICROS,
      budgetMicros: env.PROVIDER_PAID_BUDGET_MICROS,
    },
  ];
}

import { Inject } from '@nestjs/common';
import { Command } from '@nestjs/cqrs';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { ENV, type Env } from '../../kernel/env.js';
import { isForbiddenHost } from '../../kernel/http/guarded-connector.js';
import {
  checkSettings,
  type Provider,
  type ProviderId,
  PROVIDERS,
  type ProviderSettings,
} from '../domain/provider.js';
import { InvalidProvider, ProviderNotFound } from '../domain/provider.errors.js';
import { ProviderRepository } from '../provider.repository.js';

/** Replaces the settings of a provider, or only drains or enables it. Throws `ProviderNotFound`, `InvalidProvider`. */
export class ChangeProvider extends Command<Provider> {
  constructor(
    readonly id: string,
    readonly change: ProviderSettings | { readonly drained: boolean },
  ) {
    super();
  }
}

@Handles(ChangeProvider)
export class ChangeProviderHandler implements Handler<ChangeProvider> {
  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly providers: ProviderRepository,
  ) {}

  async execute({ id, change }: ChangeProvider): Promise<Provider> {
    if (!isProviderId(id)) throw new ProviderNotFound(id);
    if ('url' in change) this.#check(id, change);
    const provider = await this.providers.load(id);
    if (!provider) throw new ProviderNotFound(id);
    const changed = { ...provider, ...change };
    await this.providers.save(changed);
    return changed;
  }

  #check(id: ProviderId, settings: ProviderSettings): void {
    checkSettings(id, settings);
    const url = new URL(settings.url);
    const hasPassword = url.username !== '' || url.password !== '';
    if (!hasPassword && !isForbiddenHost(url, this.env.PROVIDERS_PRIVATE_HOSTS)) return;
    const message = hasPassword
      ? 'must not hold a password'
      : 'is a private address; PROVIDERS_PRIVATE_HOSTS allows hosts that may have one';
    throw new InvalidProvider([{ field: 'url', message }]);
  }
}

function isProviderId(id: string): id is ProviderId {
  return (PROVIDERS as readonly string[]).includes(id);
}

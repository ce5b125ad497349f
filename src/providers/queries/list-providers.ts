import { Query } from '@nestjs/cqrs';
import { Clock } from '../../kernel/clock.js';
import { type Handler, Handles } from '../../kernel/cqrs/handles.js';
import { ProviderNotFound } from '../domain/provider.errors.js';
import type { Provider, ProviderId } from '../domain/provider.js';
import { toProviderView } from '../provider.view.js';
import type { ProviderView } from '../providers.dto.js';
import { ProviderDirectory } from './provider-directory.js';

/** The providers as this process knows them. */
export class ListProviders extends Query<ProviderView[]> {}

@Handles(ListProviders)
export class ListProvidersHandler implements Handler<ListProviders> {
  constructor(
    private readonly clock: Clock,
    private readonly directory: ProviderDirectory,
  ) {}

  execute(): Promise<ProviderView[]> {
    const now = this.clock.now().getTime();
    return Promise.resolve(
      this.directory.all.map((provider) => viewOf(provider, this.directory, now)),
    );
  }
}

/** As it is right now: what was known is looked at again, as after a change. Throws `ProviderNotFound`. */
export class GetProvider extends Query<ProviderView> {
  constructor(readonly id: ProviderId) {
    super();
  }
}

@Handles(GetProvider)
export class GetProviderHandler implements Handler<GetProvider> {
  constructor(
    private readonly clock: Clock,
    private readonly directory: ProviderDirectory,
  ) {}

  async execute({ id }: GetProvider): Promise<ProviderView> {
    await this.directory.refresh();
    const provider = this.directory.find(id);
    if (!provider) throw new ProviderNotFound(id);
    return viewOf(provider, this.directory, this.clock.now().getTime());
  }
}

function viewOf(provider: Provider, directory: ProviderDirectory, now: number): ProviderView {
  const state = directory.stateOf(provider.id);
  return toProviderView(provider, { state, circuits: directory.circuitsOf(provider.id), now });
}

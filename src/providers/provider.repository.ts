import { Injectable } from '@nestjs/common';
import { UnitOfWork } from '../kernel/persistence/unit-of-work.js';
import type { Provider, ProviderId, ProviderSettings } from './domain/provider.js';

interface ProviderRow {
  readonly id: ProviderId;
  readonly settings: ProviderSettings;
  readonly drained: boolean;
}

/** The only code that writes the settings of providers. */
@Injectable()
export class ProviderRepository {
  constructor(private readonly unitOfWork: UnitOfWork) {}

  /** Adds those that are not there; what an administrator has changed stays. */
  async seed(providers: readonly Provider[]): Promise<void> {
    for (const { id, drained, ...settings } of providers) {
      await this.unitOfWork.query(
        `insert into providers.provider (id, settings, drained) values ($1, $2, $3) on conflict (id) do nothing`,
        [id, JSON.stringify(settings), drained],
      );
    }
  }

  /** Locks and loads. */
  async load(id: ProviderId): Promise<Provider | undefined> {
    const [row] = await this.unitOfWork.query<ProviderRow>(
      `select id, settings, drained from providers.provider where id = $1 for update`,
      [id],
    );
    return row && { ...row.settings, id: row.id, drained: row.drained };
  }

  async save({ id, drained, ...settings }: Provider): Promise<void> {
    await this.unitOfWork.query(
      `update providers.provider set settings = $2, drained = $3, updated_at = now() where id = $1`,
      [id, JSON.stringify(settings), drained],
    );
  }
}

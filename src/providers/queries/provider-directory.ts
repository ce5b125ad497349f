import { Injectable } from '@nestjs/common';
import type { CircuitState } from '../../kernel/messaging/circuit.js';
import { Loop } from '../../kernel/loop.js';
import { Database } from '../../kernel/persistence/database.js';
import {
  type Provider,
  type ProviderId,
  type ProviderSettings,
  PROVIDERS,
} from '../domain/provider.js';
import type { Quota, QuotaModel, QuotaState } from '../quota/engine/quota.js';
import { QuotaStore } from '../quota/quota-store.js';

const LOOK_MS = 250;

export type Circuits = Readonly<Partial<Record<ProviderId, CircuitState>>>;

interface DirectoryRow {
  readonly id: ProviderId;
  readonly settings: ProviderSettings;
  readonly drained: boolean;
  readonly circuits: readonly Circuits[] | null;
}

/**
 * What this process knows of the providers, a quarter of a second late at most: their settings, the state of their
 * quota, and what the processes that send say of their health. While the database or the store is away it keeps what it
 * knew.
 */
@Injectable()
export class ProviderDirectory {
  readonly #loop = new Loop({ name: 'ProviderDirectory', idleMs: LOOK_MS }, () => this.#look());
  #providers: ReadonlyMap<ProviderId, Provider> = new Map();
  #states: ReadonlyMap<string, QuotaState> = new Map();
  #circuits: readonly Circuits[] = [];

  constructor(
    private readonly database: Database,
    private readonly store: QuotaStore,
  ) {}

  /** The first look is awaited, so that nothing is routed by settings that are not known. */
  async start(): Promise<void> {
    await this.#read();
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Looks again at once, as after a change. */
  async refresh(): Promise<void> {
    await this.#look();
  }

  /** Undefined while the database has not been seen. */
  find(id: ProviderId): Provider | undefined {
    return this.#providers.get(id);
  }

  get all(): readonly Provider[] {
    return PROVIDERS.flatMap((id) => this.#providers.get(id) ?? []);
  }

  stateOf(id: ProviderId): QuotaState | undefined {
    return this.#states.get(id);
  }

  /** Of each living process that sends. */
  circuitsOf(id: ProviderId): readonly CircuitState[] {
    return this.#circuits.flatMap((circuits) => circuits[id] ?? []);
  }

  async #look(): Promise<number> {
    await this.#read();
    const limited = this.all.filter(({ model }) => model !== 'none');
    const states = await this.store.look(limited.map(quotaOf));
    this.#states = new Map(states.map((state) => [state.providerId, state]));
    return 0;
  }

  async #read(): Promise<void> {
    const rows = await this.database.query<DirectoryRow>(
      `select id, settings, drained, (select json_agg(circuits) from providers.dispatcher where expires_at > now())
         as circuits from providers.provider`,
    );
    this.#providers = new Map(
      rows.map(({ id, settings, drained }) => [id, { ...settings, id, drained }]),
    );
    this.#circuits = rows[0]?.circuits ?? [];
  }
}

export function quotaOf({ id, model, limit, periodMs, guardMs }: Provider): Quota {
  return { providerId: id, model: model as QuotaModel, limit, periodMs, guardMs };
}

import type { CircuitState } from '../kernel/messaging/circuit.js';
import type { Provider, ProviderSettings } from './domain/provider.js';
import type { ProviderSettingsRequest, ProviderView } from './providers.dto.js';
import type { QuotaModel, QuotaState } from './quota/engine/quota.js';
import type { BudgetPeriod } from './quota/budget.repository.js';

export function toSettings(request: ProviderSettingsRequest): ProviderSettings {
  return {
    url: request.url,
    model: request.model,
    limit: request.limit,
    periodMs: request.period_ms,
    guardMs: request.guard_ms,
    priceMicros: request.price_micros,
    budgetPeriod: request.budget_period,
    budgetMicros: request.budget_micros,
    timeoutMs: request.timeout_ms,
    honoursKeys: request.honours_idempotency_key,
  };
}

export interface ProviderSighting {
  /** Undefined where there is no quota, or it was never seen. */
  readonly state: QuotaState | undefined;
  readonly circuits: readonly CircuitState[];
  readonly now: number;
}

export function toProviderView(
  provider: Provider,
  { state, circuits, now }: ProviderSighting,
): ProviderView {
  const until = state?.until ?? null;
  return {
    id: provider.id,
    url: provider.url,
    model: provider.model as QuotaModel,
    limit: provider.limit,
    period_ms: provider.periodMs,
    guard_ms: provider.guardMs,
    price_micros: provider.priceMicros,
    budget_period: provider.budgetPeriod as BudgetPeriod,
    budget_micros: provider.budgetMicros,
    timeout_ms: provider.timeoutMs,
    honours_idempotency_key: provider.honoursKeys,
    state: provider.drained ? 'drained' : phaseOf(provider, state),
    remaining: state?.remaining ?? null,
    seconds_to_reset: until === null ? null : Math.max(0, until - now) / 1_000,
    health: healthOf(circuits),
  };
}

function phaseOf(provider: Provider, state: QuotaState | undefined): ProviderView['state'] {
  return provider.model === 'none' ? 'open' : (state?.phase ?? 'unknown');
}

function healthOf(circuits: readonly CircuitState[]): ProviderView['health'] {
  const working = circuits.filter((circuit) => circuit === 'closed').length;
  if (circuits.length === 0) return 'unknown';
  if (working === circuits.length) return 'up';
  return working === 0 ? 'down' : 'failing';
}

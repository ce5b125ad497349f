import { InvalidProvider } from './provider.errors.js';

/** The two that messages are routed between. */
export const PROVIDERS = ['free', 'paid'] as const;
export type ProviderId = (typeof PROVIDERS)[number];

export interface ProviderSettings {
  readonly url: string;
  /** How it limits its callers; see the quota engine. */
  readonly model: string;
  /** Calls per window, or before a block; null: not known. */
  readonly limit: number | null;
  readonly periodMs: number;
  /** Added to the end of every block and window. */
  readonly guardMs: number;
  readonly priceMicros: number;
  readonly budgetPeriod: string;
  /** Null: without end. */
  readonly budgetMicros: number | null;
  readonly timeoutMs: number;
  /** A repetition with the same Idempotency-Key is answered without doing the work again. */
  readonly honoursKeys: boolean;
}

export interface Provider extends ProviderSettings {
  readonly id: ProviderId;
  /** No more messages are sent to it. */
  readonly drained: boolean;
}

/** Throws {@link InvalidProvider} for settings that contradict each other or what the provider is for. */
export function checkSettings(id: ProviderId, settings: ProviderSettings): void {
  const problems: [boolean, string, string][] = [
    [settings.model === 'none' && settings.limit !== null, 'limit', 'must be null without a model'],
    [id === 'free' && settings.model === 'none', 'model', 'the free provider has limits'],
    [
      id === 'paid' && settings.model !== 'none',
      'model',
      'the paid provider is limited by its budget',
    ],
    [id === 'free' && settings.priceMicros > 0, 'price_micros', 'the free provider costs nothing'],
  ];
  const found = problems.filter(([isWrong]) => isWrong);
  if (found.length > 0)
    throw new InvalidProvider(found.map(([, field, message]) => ({ field, message })));
}

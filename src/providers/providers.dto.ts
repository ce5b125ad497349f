import { z } from 'zod';
import { PROVIDERS } from './domain/provider.js';
import { BUDGET_PERIODS } from './quota/budget.repository.js';
import { QUOTA_MODELS } from './quota/engine/quota.js';

const DAY_MS = 86_400_000;
/** Micros that a JSON number holds exactly. */
const MAX_MICROS = 9_000_000_000_000_000;

/** A path parameter that names a provider; an unknown one is answered 404. */
export const providerParam = z
  .string()
  .min(1)
  .max(100)
  .meta({ examples: ['free'] });

const limit = z.int().min(1).max(1_000_000_000).nullable().meta({
  description: 'Calls per window, or before a block; null: not known, or without end.',
});
const micros = z.int().min(0).max(MAX_MICROS);

export const providerSettings = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .meta({
      description: 'Where messages are posted to. It must not be at a private address.',
    }),
  model: z.enum(QUOTA_MODELS),
  limit,
  period_ms: z
    .int()
    .min(1)
    .max(32 * DAY_MS)
    .meta({ description: 'The block, or the window.' }),
  guard_ms: z.int().min(0).max(60_000).default(30).meta({
    description: 'Added to the end of every block and window.',
  }),
  price_micros: micros.meta({ description: 'Of one call, in millionths of the currency.' }),
  budget_period: z.enum(BUDGET_PERIODS).default('day'),
  budget_micros: micros.nullable().meta({ description: 'At most so much; null: without end.' }),
  timeout_ms: z.int().min(1).max(600_000).default(30_000),
  honours_idempotency_key: z.boolean().default(false).meta({
    description:
      'A call repeated with the same Idempotency-Key is answered without doing the work again.',
  }),
});
export type ProviderSettingsRequest = z.output<typeof providerSettings>;

const FREE_EXAMPLE = {
  url: 'https://free.example.com/v1/messages',
  model: 'n_then_block' as const,
  limit: 1_000,
  period_ms: 60_000,
  guard_ms: 30,
  price_micros: 0,
  budget_period: 'day' as const,
  budget_micros: null,
  timeout_ms: 30_000,
  honours_idempotency_key: true,
};

export const putProvider = providerSettings.meta({ id: 'PutProvider', examples: [FREE_EXAMPLE] });

const HEALTH = ['up', 'failing', 'down', 'unknown'] as const;

export const providerView = z
  .object({
    id: z.enum(PROVIDERS),
    ...providerSettings.shape,
    state: z.enum(['open', 'draining', 'blocked', 'unknown', 'drained']).meta({
      description: 'Of its quota, as all processes see it; drained: nothing is sent to it.',
    }),
    remaining: z.int().nullable().meta({ description: 'Calls that could be sent now.' }),
    seconds_to_reset: z.number().nullable().meta({ description: 'Until its block ends.' }),
    health: z.enum(HEALTH).meta({
      description: 'Whether the processes that send find it working: all, some or none of them.',
    }),
  })
  .meta({
    id: 'Provider',
    examples: [
      {
        id: 'free',
        ...FREE_EXAMPLE,
        state: 'blocked',
        remaining: 0,
        seconds_to_reset: 12.4,
        health: 'up',
      },
    ],
  });
export type ProviderView = z.output<typeof providerView>;

export const providerList = z.object({ items: z.array(providerView) });

export const BUCKETS = { minute: 60_000, hour: 3_600_000, day: DAY_MS } as const;
/** Of one answer; what is longer is asked for in parts or in larger buckets. */
export const MAX_BUCKETS = 2_000;

const instant = z.iso.datetime({ offset: true });

export const usageQuery = z.object({
  from: instant.optional().meta({ description: 'Default: a day before `to`.' }),
  to: instant.optional().meta({ description: 'Default: now.' }),
  bucket: z.enum(['minute', 'hour', 'day']).default('hour'),
});
export type UsageRequest = z.output<typeof usageQuery>;

const calls = z.int();
const usageShape = {
  free: calls.meta({ description: 'Calls of the free provider.' }),
  paid: calls.meta({ description: 'Calls of the paid provider.' }),
  refused: calls.meta({ description: 'Calls that a provider answered with 429.' }),
  failed: calls.meta({ description: 'Calls that failed, or of which nobody knows the end.' }),
  spent_micros: z.int(),
  optimum: calls.meta({
    description: 'Paid calls that nobody could have had for free: the least possible.',
  }),
  excess: calls.meta({ description: 'Paid calls above the optimum.' }),
  possible: calls.meta({ description: 'Calls that the free provider would have taken.' }),
  utilisation: z.number().min(0).max(1).nullable().meta({
    description: 'Free calls per possible call; null where none was possible.',
  }),
};

export const usageView = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    bucket: z.enum(['minute', 'hour', 'day']),
    total: z.object(usageShape),
    items: z.array(z.object({ at: z.iso.datetime(), ...usageShape })),
    blocks: z.array(z.object({ from: z.iso.datetime(), until: z.iso.datetime() })).meta({
      description: 'When the free provider took no calls; the latest 2,000.',
    }),
  })
  .meta({
    id: 'ProviderUsage',
    examples: [
      {
        from: '2025-11-21T09:00:00.000Z',
        to: '2025-11-21T10:00:00.000Z',
        bucket: 'hour',
        total: usageExample(),
        items: [{ at: '2025-11-21T09:00:00.000Z', ...usageExample() }],
        blocks: [{ from: '2025-11-21T09:12:00.000Z', until: '2025-11-21T09:13:00.000Z' }],
      },
    ],
  });
export type UsageView = z.output<typeof usageView>;
export type Usage = UsageView['total'];

function usageExample() {
  return {
    free: 8_000,
    paid: 1_200,
    refused: 0,
    failed: 3,
    spent_micros: 2_400_000,
    optimum: 1_200,
    excess: 0,
    possible: 8_000,
    utilisation: 1,
  };
}

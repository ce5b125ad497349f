import { z } from 'zod';

const cell = z.union([z.string().max(4_000), z.number(), z.boolean(), z.null()]);

/**
 * A decision table. A cell of `when` holds when it is left out, is "-", equals the value of its input, or is an
 * expression ("=...") that gives true; in there the value of the input is called `value`.
 */
export const decisionTable = z
  .strictObject({
    hit: z
      .enum(['unique', 'any', 'first', 'priority', 'rule_order', 'collect'])
      .default('first')
      .meta({
        description:
          'unique: at most one rule may hold. any: those that hold agree. first: in the order of rules. priority: the highest `priority`. rule_order and collect: all, as a list.',
      }),
    aggregate: z
      .enum(['+', '<', '>', '#'])
      .optional()
      .meta({ description: 'For collect: sum, least, greatest or number of the outputs.' }),
    inputs: z
      .record(z.string(), z.string().max(4_000))
      .meta({ description: 'Expressions by column.', examples: [{ amount: '=order.amount' }] }),
    rules: z
      .array(
        z.strictObject({
          when: z.record(z.string(), cell),
          then: z.record(z.string(), z.json()),
          priority: z.int().optional(),
        }),
      )
      .min(1)
      .max(1_000),
  })
  .meta({ id: 'DecisionTable' });

export type DecisionTable = z.output<typeof decisionTable>;

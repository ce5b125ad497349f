import { z } from 'zod';

const resultKind = z.enum(['trained', 'another_method']);
export type ResultKind = z.output<typeof resultKind>;

export const resultsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(10),
});

export const resultList = z
  .object({
    items: z.array(
      z.object({
        kind: resultKind,
        result: z.record(z.string(), z.unknown()),
        recorded_at: z.iso.datetime(),
      }),
    ),
  })
  .meta({ id: 'ResultList' });
export type ResultList = z.output<typeof resultList>;

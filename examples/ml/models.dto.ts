import { z } from 'zod';

export const modelId = z
  .string()
  .regex(/^[a-z0-9-]{1,40}$/, { error: 'must be letters, digits and dashes, at most 40' })
  .meta({ examples: ['17'] });

export const trainingText = z
  .string()
  .trim()
  .min(1)
  .max(100_000)
  .meta({ examples: ['training text'] });

export const trained = z
  .object({
    model_id: z.string(),
    words: z.int(),
    /** The process that did it, so that one can see how replicas share the work. */
    trained_by: z.int(),
  })
  .meta({ id: 'Trained' });
export type Trained = z.output<typeof trained>;

export const anyText = z.string().min(1).max(1_000);

export const anotherAnswer = z
  .object({ one: z.string(), more: z.string() })
  .meta({ id: 'AnotherAnswer' });
export type AnotherAnswer = z.output<typeof anotherAnswer>;

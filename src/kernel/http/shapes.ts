import { z } from 'zod';

/** Items of one bulk request. */
const MAX_ITEMS = 1_000;

/** A path parameter that is an id; anything else is answered 400 before a query is asked. */
export const uuidParam = z
  .uuid({ error: 'must be a UUID' })
  .toLowerCase()
  .meta({ examples: ['019aa3a4-5b6c-7d8e-9f00-112233445566'] });

/**
 * The body of a collection's POST: one item, or an array of 1 to `max` of them. An array is all or nothing, and
 * its errors name the item: `[3].priority`. Answer it with {@link inTheSameShape}.
 */
export function oneOrMany<Item extends z.ZodType>(item: Item, max = MAX_ITEMS) {
  return z.union([item, z.array(item).min(1).max(max)]);
}

/** Does the work on the items of a {@link oneOrMany} body and answers as it was asked: one for one, an array for an array. */
export async function inTheSameShape<Item extends object, Answer>(
  given: Item | Item[],
  work: (items: Item[]) => Promise<readonly Answer[]>,
): Promise<Answer | readonly Answer[]> {
  if (Array.isArray(given)) return work(given);
  const [answer] = await work([given]);
  if (answer === undefined) throw new Error('The work on one item gave no answer');
  return answer;
}

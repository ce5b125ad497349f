import { z } from 'zod';
import { ValidationError } from './validation.js';

const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 50;
/** A sort key is a few ids and instants; more is not a cursor of ours. */
const MAX_CURSOR_LENGTH = 1_024;

/** `?limit=&cursor=` of every list; extend it with the filters of yours. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
  cursor: z.string().max(MAX_CURSOR_LENGTH).optional().meta({
    description: 'next_cursor of the page before; opaque',
  }),
});

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Ask for the next page with it; null on the last one. */
  readonly next_cursor: string | null;
}

/** The schema of a {@link Page}, for the documentation of an answer. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() });
}

/** The sort key of the last row that the client has seen, as text for it to hand back. */
export function encodeCursor(sortKey: unknown): string {
  return Buffer.from(JSON.stringify(sortKey)).toString('base64url');
}

/** The reverse of {@link encodeCursor}. Throws {@link ValidationError} (400, `query.cursor`) for anything it did not make. */
export function decodeCursor<SortKey>(schema: z.ZodType<SortKey>, cursor: string): SortKey {
  const parsed = schema.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()));
  if (parsed.success) return parsed.data;
  throw new ValidationError('query', [
    { field: 'query.cursor', message: 'must be the next_cursor of a page of this list' },
  ]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no schema of a sort key accepts undefined, so a broken cursor is told by the schema
  }
}

/** Makes a page of rows that were read with `limit + 1`: the extra row only tells that there is a next page. */
export function page<Item>(
  rows: readonly Item[],
  limit: number,
  sortKeyOf: (item: Item) => unknown,
): Page<Item> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items, next_cursor: more ? encodeCursor(sortKeyOf(last)) : null };
}

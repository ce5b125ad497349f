import fc from 'fast-check';
import { z } from 'zod';
import { decodeCursor, encodeCursor, page, pageQuery } from './pages.js';

const sortKey = z.tuple([z.iso.datetime(), z.uuid()]);

function catchError(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('It was accepted');
}

describe('a cursor', () => {
  it('gives back the sort key it was made of', () => {
    fc.assert(
      fc.property(
        fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') }),
        fc.uuid(),
        (at, id) => {
          const key: z.output<typeof sortKey> = [at.toISOString(), id];
          expect(decodeCursor(sortKey, encodeCursor(key))).toEqual(key);
        },
      ),
    );
  });

  it('that we did not make is refused by name, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (cursor) => {
        const error = catchError(() => decodeCursor(sortKey, cursor));
        expect(error).toMatchObject({
          kind: 'malformed',
          details: { errors: [{ field: 'query.cursor' }] },
        });
      }),
    );
  });
});

describe('a page', () => {
  it('has a next one exactly when a row more than asked for was read', () => {
    expect(page([1, 2, 3], 2, (n) => n)).toEqual({ items: [1, 2], next_cursor: encodeCursor(2) });
    expect(page([1, 2], 2, (n) => n)).toEqual({ items: [1, 2], next_cursor: null });
    expect(page([], 2, (n) => n)).toEqual({ items: [], next_cursor: null });
  });

  it('is of 50 items unless asked otherwise', () => {
    expect(pageQuery.parse({})).toEqual({ limit: 50 });
  });
});

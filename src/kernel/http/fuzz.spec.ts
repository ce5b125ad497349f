import fc from 'fast-check';
import { type Door, openDoor } from '../../../test/support/http-door.js';

let door: Door;
beforeAll(async () => {
  door = await openDoor();
});
afterAll(() => door.close());

describe('nothing that a client sends', () => {
  it('as a body is answered with a 5xx', async () => {
    const body = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.object({ maxDepth: 3 }).map((value) => JSON.stringify({ payload: 'a', nested: value })),
      fc
        .array(fc.record({ payload: fc.string({ unit: 'binary' }), priority: fc.integer() }))
        .map((items) => JSON.stringify(items)),
    );
    await fc.assert(
      fc.asyncProperty(body, async (payload) => {
        const { statusCode: status } = await door.app.inject({
          method: 'POST',
          url: '/things',
          payload,
          headers: { 'content-type': 'application/json' },
        });
        expect([201, 400, 422]).toContain(status);
      }),
      { numRuns: 500 },
    );
  });

  it('as an address is answered with a 5xx', async () => {
    const path = fc.oneof(
      fc.webPath(),
      fc.string().map((id) => `/things/${encodeURIComponent(id.toWellFormed())}`),
      fc.webQueryParameters().map((query) => `/things?${query}`),
      fc.string().map((cursor) => `/things?cursor=${encodeURIComponent(cursor.toWellFormed())}`),
    );
    await fc.assert(
      fc.asyncProperty(path, async (url) => {
        const { statusCode: status } = await door.app.inject({
          url: url.startsWith('/') ? url : `/${url}`,
        });
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 500 },
    );
  });
});

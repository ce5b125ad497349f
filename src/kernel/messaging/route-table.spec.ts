import fc from 'fast-check';
import { AmbiguousRouteError, RouteTable } from './route-table.js';

const tableOf = (...routes: string[]) => {
  const table = new RouteTable<string>('things');
  for (const route of routes) table.add(route, route);
  return table;
};

describe('a route table', () => {
  it.each([
    ['create', 'create', {}],
    ['/create/', 'create', {}],
    ['17', ':id', { id: '17' }],
    ['17/cancel', ':id/cancel', { id: '17' }],
    ['all/cancel', 'all/cancel', {}],
    ['17/parts/4', ':id/parts/:part', { id: '17', part: '4' }],
    ['a%2Fb%20c', ':id', { id: 'a/b c' }],
  ])('takes %s to %s', (path, route, params) => {
    const routes = ['create', ':id', ':id/cancel', 'all/cancel', ':id/parts/:part'];
    for (const table of [tableOf(...routes), tableOf(...routes.toReversed())]) {
      expect(table.match(path)).toEqual({ route, target: route, params });
    }
  });

  it.each(['', 'x/y/z', '17/Cancel', '17/cancel/now', '100%', '%E0%A4%A'])(
    'knows no route for %p',
    (path) => {
      expect(tableOf(':id', ':id/cancel').match(path)).toBeUndefined();
    },
  );

  it.each([
    ['create', 'create'],
    ['create', '/create'],
    [':id', ':name'],
    [':id/cancel', ':task_id/cancel'],
    [':id/parts/new', 'all/parts/:part'],
  ])('refuses %s beside %s', (first, second) => {
    expect(() => tableOf(first, second)).toThrow(AmbiguousRouteError);
    expect(() => tableOf(second, first)).toThrow('Scope "things"');
  });

  it('takes routes that differ in length or in a literal', () => {
    expect(tableOf(':id', ':id/:part', 'a/:id', 'a/b', ':id/c/:part').routes).toHaveLength(5);
  });
});

describe('any route table', () => {
  const literal = fc.constantFrom('a', 'b', 'c');
  const param = fc.constantFrom(':x', ':y', ':z');
  const route = fc
    .array(fc.oneof(literal, param), { minLength: 1, maxLength: 4 })
    .map((segments) => segments.join('/'));
  const path = fc
    .array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 4 })
    .map((segments) => segments.join('/'));

  /** Those that the table takes, in their order. */
  const accepted = (routes: readonly string[]) => {
    const table = new RouteTable<string>('any');
    const taken = routes.filter((one) => {
      try {
        table.add(one, one);
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(AmbiguousRouteError);
        return false;
      }
    });
    return { table, taken };
  };
  const fits = (one: string, of: string) => {
    const [pattern, segments] = [one.split('/'), of.split('/')];
    return (
      pattern.length === segments.length &&
      pattern.every((part, index) => part.startsWith(':') || part === segments[index])
    );
  };
  const literals = (one: string) => one.split('/').filter((part) => !part.startsWith(':')).length;

  it('finds the one most literal route that fits, and none where none fits', () => {
    fc.assert(
      fc.property(fc.array(route, { maxLength: 12 }), path, (routes, wanted) => {
        const { table, taken } = accepted(routes);
        const fitting = taken.filter((one) => fits(one, wanted));
        const found = table.match(wanted);
        expect(found === undefined).toBe(fitting.length === 0);
        if (!found) return;
        expect(fitting).toContain(found.route);
        const rivals = fitting.filter((one) => literals(one) >= literals(found.route));
        expect(rivals).toEqual([found.route]);
      }),
    );
  });

  it('does not depend on the order in which routes were added', () => {
    fc.assert(
      fc.property(fc.array(route, { maxLength: 12 }), path, (routes, wanted) => {
        const { table, taken } = accepted(routes);
        const reversed = tableOf(...taken.toReversed());
        expect(reversed.match(wanted)).toEqual(table.match(wanted));
      }),
    );
  });

  it('gives back every value that was percent-encoded into a path', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(text, text, (id, part) => {
        const encoded = `${encodeURIComponent(id)}/parts/${encodeURIComponent(part)}`;
        expect(tableOf(':id/parts/:part').match(encoded)?.params).toEqual({ id, part });
      }),
    );
  });
});

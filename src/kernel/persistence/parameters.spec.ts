import fc from 'fast-check';
import { toWire } from './parameters.js';

describe('parameters of a statement', () => {
  it('are written in the notation of Postgres', () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const bytes = Buffer.from('bytes');
    expect(toWire(['text', 1.5, 10n, true, null, undefined, at, bytes, { a: [1] }])).toEqual([
      'text',
      '1.5',
      '10',
      'true',
      null,
      null,
      at.toISOString(),
      bytes,
      '{"a":[1]}',
    ]);
  });

  it('write instants of any year as Postgres reads them', () => {
    const years = ['+010000-01-01T00:00:00.000Z', '0000-02-03T00:00:00.000Z'];
    const instants = [...years, '-000001-01-01T00:00:00.000Z'].map((text) => new Date(text));
    const written = [
      '10000-01-01T00:00:00.000Z',
      '0001-02-03T00:00:00.000Z BC',
      '0002-01-01T00:00:00.000Z BC',
    ];
    expect(toWire(instants)).toEqual(written);
    expect(toWire([[null, ...instants]])).toEqual([`{null,"${written.join('","')}"}`]);
  });

  it('become array literals when they are arrays', () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    expect(toWire([['a', 'b"c', 'd\\e'], [1, null, 2], [true], [], [at]])).toEqual([
      String.raw`{"a","b\"c","d\\e"}`,
      '{1,null,2}',
      '{true}',
      '{}',
      '{"2026-01-02T03:04:05.678Z"}',
    ]);
  });

  it('keep control characters, and what JSON itself has escaped, as they are', () => {
    expect(toWire([['a\nb\\', null], [JSON.stringify({ a: 'b\n"c' })]])).toEqual([
      '{"a\nb\\\\",NULL}',
      String.raw`{"{\"a\":\"b\\n\\\"c\"}"}`,
    ]);
  });

  it('write bytes and numbers that JSON lacks inside of arrays', () => {
    expect(toWire([[Buffer.from([1, 255])], [Number.NaN, Infinity]])).toEqual([
      String.raw`{"\\x01ff"}`,
      '{"NaN","Infinity"}',
    ]);
  });

  it('are read back by the rules of array literals, whatever the texts are', () => {
    const texts = fc.array(fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(texts, (given) => {
        const [literal] = toWire([given]);
        expect(readArray(String(literal))).toEqual(given);
      }),
    );
  });

  it('write instants of any year also beside values of other kinds', () => {
    const instant = new Date('+010000-01-01T00:00:00.000Z');
    expect(toWire([['a', 1, instant]])).toEqual(['{"a","1","10000-01-01T00:00:00.000Z"}']);
  });

  it.each([
    ['$1', [Symbol('x')]],
    ['$2', ['a', new Date(Number.NaN)]],
    ['$1[2]', [[new Date(0), new Date(Number.NaN)]]],
    ['$2[3]', [1, ['a', null, new Date(Number.NaN)]]],
    ['$1[1]', [[new Date(Number.NaN), 'a\nb', { a: 1 }]]],
  ])('are refused at %s, which has no notation', (place, parameters) => {
    expect(() => toWire(parameters)).toThrow(TypeError);
    expect(() => toWire(parameters)).toThrow(`cannot be a parameter of a statement: ${place}`);
  });
});

/** Quoted elements only, as the documentation of Postgres describes them: a backslash takes the next character as it is. */
function readArray(literal: string): string[] {
  const elements = literal.slice(1, -1).matchAll(/"((?:[^"\\]|\\[^])*)"(?:,|$)/g);
  return [...elements].map(([, inner = '']) => inner.replaceAll(/\\([^])/g, '$1'));
}

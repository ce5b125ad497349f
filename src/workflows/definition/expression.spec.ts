import { compileCondition, compileExpression, expressionProblem } from './expression.js';
import type { Json } from './json.js';
import { compileTemplate } from './template.js';

const names =
  (variables: Record<string, unknown>) =>
  (name: string): unknown =>
    variables[name];

const evaluate = (source: string, variables: Record<string, unknown> = {}): Json =>
  compileExpression(source)(names(variables));

describe('expressions', () => {
  it.each([
    ['a + 1', { a: 1 }, 2],
    ['1 + a', { a: 1.5 }, 2.5],
    ['10 % a', { a: 3 }, 1],
    ['a * 2 - b / 2', { a: 2, b: 3 }, 2.5],
    ['-a', { a: 2 }, -2],
    ['size(items) + 1', { items: [1, 2] }, 3],
    ['items[i]', { items: ['x', 'y'], i: 1 }, 'y'],
    ['items.filter(x, x.price > 3)', { items: [{ price: 1 }, { price: 5 }] }, [{ price: 5 }]],
    ['{"a": a, "b": [1, a]}', { a: 1 }, { a: 1, b: [1, 1] }],
    ['"n" + string(a)', { a: 2.5 }, 'n2.5'],
  ])('%s of %j is %j', (source, variables, result) => {
    expect(evaluate(source, variables)).toEqual(result);
  });

  it.each([
    ['missing', null],
    ['missing.inner.more == null', true],
    ['a.missing', null],
    ['items[7]', null],
    ['items.map(x, x.missing)', [null]],
    ['has(a.missing)', false],
    ['a.known', 1],
  ])('what is missing in %s is null', (source, result) => {
    expect(evaluate(source, { a: { known: 1 }, items: [{}] })).toEqual(result);
  });

  it.each(['constructor', 'a.constructor', 'a.__proto__', 'a["__proto__"]'])(
    'shows nothing of JavaScript by %s',
    (source) => {
      const variables = Object.assign(Object.create(null) as object, { a: {} });
      expect(evaluate(source, variables as Record<string, unknown>)).toBeNull();
    },
  );

  it('computes with the time that it is given', () => {
    const now = new Date('2030-01-01T00:00:00Z');
    expect(evaluate('now + duration("90m")', { now })).toBe('2030-01-01T01:30:00.000Z');
    expect(evaluate('duration("90m")')).toBe('PT5400S');
  });

  it('tells what failed', () => {
    expect(() => evaluate('a > 1', { a: 'x' })).toThrow(/no such overload.* in a > 1/);
    expect(() => evaluate('1 / 0')).toThrow(/division by zero/);
  });

  it.each([
    ['"a\\u0000b"', {}],
    ['{"a\\u0000b": 1}', {}],
    ['[given]', { given: '\ud83d' }],
  ])('gives no text that cannot be stored: %s', (source, variables) => {
    expect(() => evaluate(source, variables)).toThrow(/U\+0000 or half of a surrogate pair/);
  });

  it('gives no text that has no end', () => {
    const text = 'x'.repeat(600_000);
    expect(evaluate('text', { text })).toBe(text);
    expect(() => evaluate('text + text', { text })).toThrow(/more than 1000000 characters/);
  });

  it('takes only true, false and null as conditions', () => {
    const holds = (source: string): boolean => compileCondition(source)(names({ a: 1 }));
    expect([holds('=a == 1'), holds('a > 1'), holds('missing')]).toEqual([true, false, false]);
    expect(() => holds('a + 1')).toThrow(/must give true or false, not 2/);
  });

  it('finds broken syntax before anything runs', () => {
    expect(expressionProblem('=a +')).toMatch(/Unexpected|token|EOF/i);
    expect(expressionProblem('nofunction(a)')).toMatch(/no matching overload/);
    expect(expressionProblem('a.b > 1 && c in [1, 2]')).toBeUndefined();
  });

  it('fills templates and leaves the rest of a value alone', () => {
    const config = compileTemplate({
      to: '=user.mail',
      subject: 'Order {{ id }} of {{ user.name }}',
      tags: ['fixed', '=id + 1'],
    });
    expect(config(names({ id: 7, user: { mail: 'a@b', name: 'Ann' } }))).toEqual({
      to: 'a@b',
      subject: 'Order 7 of Ann',
      tags: ['fixed', 8],
    });
  });
});

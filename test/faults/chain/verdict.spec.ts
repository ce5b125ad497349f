import { type Evidence, expectNothingLostNorDoubled, verdictOf } from './verdict.js';
import type { Note } from './journal.js';

const note = (what: Note['what'], scope: string, id: string, attempt = 1): Note => ({
  what,
  scope,
  id,
  attempt,
});

/** Links a and b of one key went through the whole chain; c went to the second scope and died there. */
const fine: Evidence = {
  attempts: 4,
  confirmed: new Set(['a', 'b']),
  appended: [
    { id: 'a', key: 'k', scope: 'first' },
    { id: 'b', key: 'k', scope: 'first' },
    { id: 'c', key: 'k', scope: 'second' },
  ],
  effects: ['a', 'b'].flatMap((id) => ['first', 'second', 'third'].map((scope) => ({ scope, id }))),
  dead: [{ scope: 'second', id: 'c' }],
  notes: [note('started', 'first', 'a'), note('started', 'first', 'b')],
};

const lineOf = (evidence: Partial<Evidence>) => verdictOf({ ...fine, ...evidence });

describe('The verdict on a chain', () => {
  it('finds nothing wrong with effects that happened once, and with dead letters', () => {
    const verdict = lineOf({});
    expect(verdict).toMatchObject({ attempts: 4, confirmed: 2, committed: 3, effects: 6, dead: 1 });
    expect(() => expectNothingLostNorDoubled(verdict)).not.toThrow();
  });

  it.each<[string, Partial<Evidence>, object]>([
    ['a message that never had its effect', { effects: fine.effects.slice(0, -1) }, { lost: 1 }],
    ['a confirmed link that is not there', { confirmed: new Set(['a', 'z']) }, { lost: 1 }],
    [
      'a doubled effect',
      { effects: [...fine.effects, { scope: 'third', id: 'a' }] },
      { doubled: 1 },
    ],
    [
      'an effect of what is dead',
      { effects: [...fine.effects, { scope: 'second', id: 'c' }] },
      { doubled: 1 },
    ],
    [
      'an effect of what was rolled back',
      { effects: [...fine.effects, { scope: 'first', id: 'z' }] },
      { unasked: 1 },
    ],
    [
      'a later link that began before an earlier one of its key',
      { notes: [note('started', 'first', 'b'), note('started', 'first', 'a')] },
      { disordered: 1 },
    ],
  ])('fails for %s', (_, evidence, found) => {
    const verdict = lineOf(evidence);
    expect(verdict).toMatchObject(found);
    expect(() => expectNothingLostNorDoubled(verdict)).toThrow();
  });

  it('counts what arrived or began twice, apart from further attempts', () => {
    const notes = [
      note('delivered', 'second', 'm'),
      note('delivered', 'second', 'm'),
      note('delivered', 'second', 'm', 2),
      note('started', 'first', 'a'),
      note('started', 'first', 'a'),
    ];
    expect(lineOf({ notes })).toMatchObject({ delivered: 3, duplicated: 1, repeated: 1 });
  });
});

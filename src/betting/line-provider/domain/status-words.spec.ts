import { goalOf, STATUS_WORDS } from './status-words.js';

describe('the words for a status', () => {
  it.each([
    ['NEW', 'open'],
    ['Active', 'open'],
    ['suspended', 'suspended'],
    ['PAUSED', 'suspended'],
    ['Closed', 'closed'],
  ])('%s means %s', (word, to) => {
    expect(goalOf(word)).toEqual({ to });
  });

  it.each([
    ['FINISHED_WIN', 'won'],
    ['finished-win', 'won'],
    ['Finished Lose', 'lost'],
    ['LOST', 'lost'],
    ['canceled', 'void'],
  ])('%s means that it ended as %s', (word, outcome) => {
    expect(goalOf(word)).toMatchObject({ to: 'settled', ending: { outcome } });
  });

  it.each([
    'opne',
    '',
    ' open',
    'resulted',
    'finished',
    'FINISHED__WIN',
    '__proto__',
    'constructor',
  ])('are not "%s"', (word) => {
    expect(goalOf(word)).toBeUndefined();
  });

  it('all mean something', () => {
    expect(STATUS_WORDS.filter((word) => goalOf(word) === undefined)).toEqual([]);
  });
});

import {
  after,
  at,
  message,
  NEVER,
  type PatternCase,
  patternFiles,
  playPattern,
  readPattern,
  stepsOf,
  withOutcomes,
} from '../../../test/support/workflow-patterns.js';
import { validateWorkflow } from '../definition/validate.js';

const CASES: readonly PatternCase[] = [
  { pattern: 1, when: 'a is done', expect: 'a b' },
  { pattern: 2, when: 'c is quicker', script: { endings: { b: after(9) } }, expect: 'a c b' },
  { pattern: 3, when: 'both are done', script: { endings: { b: after(9) } }, expect: 'c b d' },
  {
    pattern: 4,
    when: 'confirmed',
    script: { endings: { a: after(0, 'confirmed') } },
    expect: 'a b',
  },
  { pattern: 4, when: 'rejected', script: { endings: { a: after(0, 'rejected') } }, expect: 'a c' },
  {
    pattern: 5,
    when: 'rejected',
    script: { endings: { a: after(0, 'rejected') } },
    expect: 'a c d',
  },
  {
    pattern: 6,
    when: 'both hold',
    script: { variables: { crime: true, injured: 2 } },
    expect: 'police ambulance',
  },
  {
    pattern: 6,
    when: 'one holds',
    script: { variables: { crime: false, injured: 2 } },
    expect: 'ambulance',
  },
  {
    pattern: 6,
    when: 'none holds',
    script: { variables: { crime: false, injured: 0 } },
    expect: 'log',
  },
  {
    pattern: 7,
    when: 'two were chosen',
    script: { variables: { crime: true, injured: 1 }, endings: { police: after(9) } },
    expect: 'ambulance police report',
  },
  {
    pattern: 7,
    when: 'one was chosen',
    script: { variables: { crime: true, injured: 0 } },
    expect: 'police report',
  },
  { pattern: 8, when: 'both are done', script: { endings: { b: after(9) } }, expect: 'c d b d' },
  {
    pattern: 9,
    when: 'c is the first',
    script: { endings: { b: after(5), c: after(1), d: after(9) } },
    expect: 'c e b d',
  },
  {
    pattern: 10,
    when: 'it goes round twice',
    script: {
      endings: {
        a: withOutcomes(0, 'second', 'first'),
        c: withOutcomes(0, 'again', 'back', 'done'),
      },
    },
    expect: 'a c b c a b c',
  },
  { pattern: 11, when: 'b is the last', script: { endings: { b: after(9) } }, expect: 'a c d b' },
  {
    pattern: 12,
    when: 'letters take long',
    script: { endings: { letter: after(9) } },
    expect: 'after letter letter letter',
  },
  { pattern: 13, when: 'all are done', expect: 'review review review after' },
  {
    pattern: 14,
    when: 'there are two lines',
    script: { variables: { lines: [{ product: 'a' }, { product: 'b' }] } },
    expect: 'check check after',
  },
  { pattern: 14, when: 'there are none', script: { variables: { lines: [] } }, expect: 'after' },
  {
    pattern: 15,
    when: 'one is added meanwhile',
    script: {
      endings: { hear: after(5) },
      arrivals: [at(1, { type: 'extend', token: 2, count: 1 })],
    },
    expect: 'hear hear hear after',
  },
  {
    pattern: 16,
    when: 'the customer answers',
    script: { variables: { customer: 'ann' }, arrivals: [at(9, message('answer', 'ann'))] },
    expect: 'answer proceed',
  },
  {
    pattern: 16,
    when: 'a day has passed',
    script: { variables: { customer: 'ann' } },
    expect: 'day remind',
  },
  {
    pattern: 17,
    when: 'both take a while',
    script: { endings: { a: after(5), b: after(5) } },
    expect: 'a b c',
  },
  {
    pattern: 18,
    when: 'the change is quick',
    script: { endings: { pack: after(9), change: after(1) } },
    expect: 'change pack ship',
  },
  {
    pattern: 18,
    when: 'the change comes too late',
    script: { endings: { pack: after(1), change: after(9) } },
    expect: 'pack ship',
    status: 'running',
  },
  { pattern: 19, when: 'nothing comes', expect: 'check use' },
  {
    pattern: 19,
    when: 'the message comes',
    script: { endings: { check: NEVER }, arrivals: [at(1, message('stop'))] },
    expect: 'check tidy',
  },
  {
    pattern: 20,
    when: 'the customer withdraws',
    script: { endings: { work: NEVER }, arrivals: [at(1, message('withdrawn'))] },
    expect: 'withdrawn stop',
  },
];

describe('the 20 basic control-flow patterns', () => {
  it.each(patternFiles)('%s can be published', (file) => {
    const errors = validateWorkflow(readPattern(file)).filter(
      ({ severity }) => severity === 'error',
    );
    expect(errors).toEqual([]);
  });

  it.each(CASES)('$pattern does its steps when $when', (one) => {
    const played = playPattern(one.pattern, one.script);
    expect(played.incidents).toEqual([]);
    expect(stepsOf(played)).toBe(one.expect);
    expect(played.status).toBe(one.status ?? 'completed');
  });

  it('all have a case', () => {
    const played = new Set(CASES.map(({ pattern }) => pattern));
    expect([...played]).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });
});

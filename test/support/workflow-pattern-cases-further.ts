import { after, at, message, NEVER, type PatternCase, withOutcomes } from './workflow-patterns.js';

export const FURTHER_CASES: readonly PatternCase[] = [
  { pattern: 21, when: 'played', expect: 'attempt attempt attempt after' },
  {
    pattern: 22,
    when: 'depth is left',
    script: { variables: { depth: 1 } },
    expect: 'deeper after',
  },
  { pattern: 22, when: 'no depth is left', script: { variables: { depth: 0 } }, expect: 'bottom' },
  {
    pattern: 23,
    when: 'the signal comes too early, then again',
    script: {
      endings: { prepare: after(5) },
      arrivals: [
        at(1, { type: 'signal', name: 'alarm' }),
        at(9, { type: 'signal', name: 'alarm' }),
      ],
    },
    expect: 'prepare alarm react',
  },
  {
    pattern: 24,
    when: 'the message comes',
    script: { variables: { order: '7' }, arrivals: [at(5, message('payment', '7'))] },
    expect: 'prepare payment ship',
  },
  {
    pattern: 25,
    when: 'the flight is refused',
    script: {
      endings: { flight: after(1, 'refused'), hotel: after(9), car: after(9), insurance: after(9) },
    },
    expect: 'flight refund insurance',
  },
  {
    pattern: 26,
    when: 'the message comes after one',
    script: {
      endings: { review: [after(1), NEVER] },
      arrivals: [at(5, message('stop'))],
    },
    expect: 'review tidy',
  },
  {
    pattern: 27,
    when: 'two are rejected',
    script: {
      endings: {
        review: [after(1, 'rejected'), after(2, 'confirmed'), after(3, 'rejected'), NEVER],
      },
    },
    expect: 'review review review refuse',
  },
  {
    pattern: 28,
    when: 'b comes twice before c',
    script: {
      endings: {
        b: withOutcomes(1, 'again', 'last'),
        c: withOutcomes(5, 'again', 'last'),
        d: after(0),
      },
    },
    expect: 'b d b c d c',
  },
  {
    pattern: 29,
    when: 'c is the first',
    script: { endings: { b: NEVER, c: after(1), d: NEVER } },
    expect: 'c e',
  },
  {
    pattern: 30,
    when: 'b and c are the first',
    script: { endings: { b: after(1), c: after(2), d: after(9) } },
    expect: 'b c e d',
  },
  {
    pattern: 31,
    when: 'all come once',
    script: {
      endings: { b: after(1, 'last'), c: after(2, 'last'), d: after(9, 'last') },
    },
    expect: 'b c e d',
  },
  {
    pattern: 32,
    when: 'b and c are the first',
    script: { endings: { b: after(1), c: after(2), d: NEVER } },
    expect: 'b c e',
  },
  {
    pattern: 33,
    when: 'two seats come before the first door',
    script: {
      endings: { seat: withOutcomes(1, 'more', 'last'), door: withOutcomes(5, 'more', 'last') },
    },
    expect: 'seat seat door car door car',
  },
  {
    pattern: 34,
    when: 'the third answer is late',
    script: { endings: { ask: [after(1), after(2), after(9)], after: after(1) } },
    expect: 'ask ask after ask',
  },
  {
    pattern: 35,
    when: 'the third answer is late',
    script: { endings: { ask: [after(1), after(2), NEVER] } },
    expect: 'ask ask after',
  },
  {
    pattern: 36,
    when: 'two bids are added',
    script: {
      endings: { bid: [after(1), after(9), after(2), after(3)] },
      arrivals: [at(0, { type: 'extend', token: 2, count: 2 })],
    },
    expect: 'bid bid bid after',
  },
  {
    pattern: 37,
    when: 'all are wanted',
    script: {
      variables: { wants_a: true, wants_inner: true, wants_b: true },
      endings: { a: after(9) },
    },
    expect: 'b a meet',
  },
  {
    pattern: 37,
    when: 'only the inner default is',
    script: { variables: { wants_inner: true } },
    expect: 'c meet',
  },
  {
    pattern: 38,
    when: 'b loops',
    script: { endings: { b: withOutcomes(1, 'again', 'again', 'last') } },
    expect: 'a b b b meet',
  },
  {
    pattern: 38,
    when: 'b never comes',
    script: { endings: { b: after(5, 'never') } },
    expect: 'a b meet',
  },
  {
    pattern: 39,
    when: 'all take a while',
    script: { endings: { a1: after(5), a2: after(5), b1: after(5), b2: after(5) } },
    expect: 'a1 a2 first b1 b2 second',
  },
  {
    pattern: 40,
    when: 'all take a while',
    script: { endings: { a: after(9), b: after(5), c: after(1) } },
    expect: 'a b c after',
  },
  {
    pattern: 41,
    when: 'all are done',
    expect: 'work threads work threads work threads after',
  },
  {
    pattern: 42,
    when: 'all go on',
    expect: 'one one one two threads two threads two threads',
  },
  {
    pattern: 43,
    when: 'other still runs',
    script: { endings: { other: NEVER } },
    expect: 'work stop',
  },
];

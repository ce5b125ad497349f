import { compileDecisionTable } from './decision-table.js';
import { decisionTable } from './draft.decision.js';
import type { Json } from './json.js';

const RULES = [
  { when: { amount: '=value > 100' }, then: { points: 3 }, priority: 1 },
  { when: { amount: '=value > 500', vip: true }, then: { points: 10 }, priority: 9 },
  { when: { amount: '-', vip: false }, then: { points: 3 } },
];

function decide(how: object, variables: Record<string, unknown>, rules: object[] = RULES): Json {
  const inputs = { amount: 'amount', vip: 'vip' };
  const table = compileDecisionTable(decisionTable.parse({ inputs, rules, ...how }));
  return table((name) => variables[name]);
}

describe('decision tables', () => {
  const vip = { amount: 700, vip: true };
  const plain = { amount: 200, vip: false };

  it.each([
    ['first', {}, { points: 3 }],
    ['priority', {}, { points: 10 }],
    ['rule_order', {}, [{ points: 3 }, { points: 10 }]],
    ['collect', {}, [{ points: 3 }, { points: 10 }]],
    ['collect', { aggregate: '+' }, { points: 13 }],
    ['collect', { aggregate: '<' }, { points: 3 }],
    ['collect', { aggregate: '>' }, { points: 10 }],
    ['collect', { aggregate: '#' }, 2],
  ])('%s %j gives %j', (hit, more, result) => {
    expect(decide({ hit, ...more }, vip)).toEqual(result);
  });

  it('lets any agree, and tells when rules disagree', () => {
    expect(decide({ hit: 'any' }, plain)).toEqual({ points: 3 });
    expect(() => decide({ hit: 'any' }, vip)).toThrow(/disagree/);
  });

  it('lets unique have one rule', () => {
    expect(decide({ hit: 'unique' }, { amount: 200, vip: true })).toEqual({ points: 3 });
    expect(() => decide({ hit: 'unique' }, vip)).toThrow(/2 rules hold, where only one may/);
  });

  it('gives null when no rule holds', () => {
    expect(decide({}, { amount: 1, vip: true })).toBeNull();
    expect(decide({ hit: 'collect', aggregate: '#' }, { amount: 1, vip: true })).toBe(0);
  });

  it('computes outputs', () => {
    const rules = [{ when: {}, then: { fee: '=amount / 10' } }];
    expect(decide({}, { amount: 50 }, rules)).toEqual({ fee: 5 });
  });
});

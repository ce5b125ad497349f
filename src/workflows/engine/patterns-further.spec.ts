import { FURTHER_CASES } from '../../../test/support/workflow-pattern-cases-further.js';
import { playPattern, stepsOf } from '../../../test/support/workflow-patterns.js';

describe('the 23 further control-flow patterns', () => {
  it.each(FURTHER_CASES)('$pattern does its steps when $when', (one) => {
    const played = playPattern(one.pattern, one.script);
    expect(played.incidents).toEqual([]);
    expect(stepsOf(played)).toBe(one.expect);
    expect(played.status).toBe(one.status ?? 'completed');
  });

  it('all have a case', () => {
    const played = new Set(FURTHER_CASES.map(({ pattern }) => pattern));
    expect([...played]).toEqual(Array.from({ length: 23 }, (_, i) => i + 21));
  });
});

import { BASIC_CASES } from '../../../test/support/workflow-pattern-cases-basic.js';
import {
  patternFiles,
  patternList,
  playPattern,
  readPattern,
  stepsOf,
} from '../../../test/support/workflow-patterns.js';
import { validateWorkflow } from '../definition/validate.js';

describe('the 20 basic control-flow patterns', () => {
  it.each(patternFiles)('%s can be published', (file) => {
    const errors = validateWorkflow(readPattern(file)).filter(
      ({ severity }) => severity === 'error',
    );
    expect(errors).toEqual([]);
  });

  it.each(BASIC_CASES)('$pattern does its steps when $when', (one) => {
    const played = playPattern(one.pattern, one.script);
    expect(played.incidents).toEqual([]);
    expect(stepsOf(played)).toBe(one.expect);
    expect(played.status).toBe(one.status ?? 'completed');
  });

  it('are listed with what they are for', () => {
    for (const file of patternFiles) {
      const { name, description } = readPattern(file) as Record<string, string>;
      expect(patternList).toContain(`[${name ?? ''}](${file}): ${description ?? ''}\n`);
    }
  });

  it('all have a case', () => {
    const played = new Set(BASIC_CASES.map(({ pattern }) => pattern));
    expect([...played]).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });
});

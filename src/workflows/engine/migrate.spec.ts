import {
  final,
  START,
  task,
  TestInstance,
  workflow,
} from '../../../test/support/workflow-instance.js';
import { evolve } from './evolve.js';
import { migrate } from './migrate.js';
import { newInstance } from './state.js';

const context = { now: new Date(0), config: {} };
const join = { mode: 'all' };

describe('a migration', () => {
  const from = workflow(
    [START, task('a'), task('b'), final('c', { join })],
    ['start>a', 'start>b', 'a>c', 'b>c'],
  );
  const to = workflow(
    [START, task('a2'), task('b'), final('c2', { join }), final('d')],
    ['start>a2', 'start>b', 'a2>c2', 'b>c2', 'start>d'],
  );

  it('keeps tokens, and what has come to joins, under their new names', () => {
    const instance = new TestInstance(from).start().complete('b');
    const nodes = { a: 'a2', c: 'c2' };
    const answer = migrate({ from, to, nodes }, instance.state, context);
    if ('problems' in answer) throw new Error(JSON.stringify(answer.problems));
    expect([...instance.history, ...answer.events].reduce(evolve, newInstance())).toEqual(
      answer.state,
    );
    const moved = new TestInstance(to);
    moved.state = answer.state;
    moved.history.push(...instance.history, ...answer.events);
    expect(moved.waiting).toEqual(['a2']);
    expect(moved.complete('a2').waiting).toEqual(['c2']);
  });

  it('tells what cannot be taken over, and changes nothing', () => {
    const instance = new TestInstance(from).start().complete('b');
    expect(migrate({ from, to, nodes: {} }, instance.state, context)).toMatchObject({
      problems: [{ node: 'c' }, { node: 'a' }],
    });
    expect(instance.waiting).toEqual(['a']);
  });

  it('does not take a token to work of another kind', () => {
    const other = workflow([START, final('a', { kind: 'http' })], ['start>a']);
    const instance = new TestInstance(from).start();
    const answer = migrate({ from, to: other, nodes: { b: 'a' } }, instance.state, context);
    expect(answer).toMatchObject({ problems: [{ node: 'a' }, { node: 'b' }] });
  });
});

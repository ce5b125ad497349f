import { begin, final, task } from '../../../test/support/workflow-instance.js';

const set = (id: string, config: object, more: object = {}): object => ({
  id,
  type: 'task',
  kind: 'set',
  config,
  ...more,
});

describe('incidents', () => {
  it('keep the instance when an expression fails, and go on once the variables are right', () => {
    const nodes = [set('sum', { total: '=price + 1' }), final('a')];
    const instance = begin(nodes, ['start>sum', 'sum>a'], { price: 'dear' });
    expect(instance.incidents).toEqual(['expression-failed']);
    expect(instance.effectsOf('raise_incident')[0]?.incident.message).toMatch(/in price \+ 1/);
    instance.send({ type: 'set_variables', variables: { price: 7 } }).send({ type: 'retry' });
    expect(instance.state.variables).toEqual({ price: 7, total: 8 });
    expect(instance.waiting).toEqual(['a']);
  });

  it('do not do a finished task again when what follows it failed', () => {
    const flows = ['start>a', 'a>b?limit > 1', 'a>c?otherwise'];
    const instance = begin([task('a'), final('b'), final('c')], flows, { limit: 'x' });
    instance.complete('a', 'done', { ok: true });
    expect(instance.incidents).toEqual(['expression-failed']);
    expect(instance.try({ type: 'complete', token: 2 })?.code).toBe('not-waiting');
    instance.send({ type: 'set_variables', variables: { limit: 5 } }).send({ type: 'retry' });
    expect(instance.waiting).toEqual(['b']);
    expect(instance.state.variables).toEqual({ limit: 5, a: { ok: true } });
  });

  it('tell that no flow holds', () => {
    const instance = begin([task('a'), final('b')], ['start>a', 'a>b?yes']).complete('a');
    expect(instance.incidents).toEqual(['no-flow']);
    instance.send({ type: 'set_variables', variables: { yes: true } }).send({ type: 'retry' });
    expect(instance.waiting).toEqual(['b']);
  });

  it('stop a loop that does not wait', () => {
    const nodes = [set('a', { n: '=n + 1' }), final('b')];
    const instance = begin(nodes, ['start>a', 'a>a?n < 5000', 'a>b?otherwise'], { n: 0 });
    expect(instance.incidents).toEqual(['step-budget']);
    expect(instance.history.length).toBeLessThan(4_000);
    for (let i = 0; i < 10 && instance.incidents.length > 0; i += 1)
      instance.send({ type: 'retry' });
    expect(instance.waiting).toEqual(['b']);
  });

  it('tell that a join can never be complete, and go on when a token is put there', () => {
    const nodes = [task('a', { outcomes: ['x', 'y'] }), final('b', { join: { mode: 'all' } })];
    const instance = begin(nodes, ['start>a', 'a[x]>b', 'a[y]>b']).complete('a', 'x');
    expect(instance.incidents).toEqual(['deadlock']);
    instance.send({ type: 'modify', to: 'b' });
    expect(instance.waiting).toEqual(['b']);
    expect(instance.incidents).toEqual([]);
  });
});

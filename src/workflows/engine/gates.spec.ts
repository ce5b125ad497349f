import { begin, final, task } from '../../../test/support/workflow-instance.js';

describe('a mutex', () => {
  const nodes = ['a', 'b', 'c'].map((id) => final(id, { mutex: 'bench' }));
  const flows = ['start>a', 'start>b', 'start>c'];

  it('goes on in the order of arrival, also when its holder is withdrawn', () => {
    const instance = begin(nodes, flows);
    expect(instance.waiting).toEqual(['a']);
    instance.send({ type: 'cancel', token: instance.idAt('a') });
    expect(instance.waiting).toEqual(['b']);
    expect(instance.complete('b').waiting).toEqual(['c']);
    expect(instance.complete('c').state).toMatchObject({ status: 'completed', mutexes: {} });
  });

  it('forgets those who wait for it and are withdrawn', () => {
    const instance = begin(nodes, flows);
    instance.send({ type: 'cancel', token: instance.idAt('b') });
    expect(instance.complete('a').waiting).toEqual(['c']);
  });

  it('is kept during an incident of its holder', () => {
    const instance = begin(nodes, flows);
    const token = instance.idAt('a');
    instance.send({ type: 'fail', token, code: 'E1', message: 'no' });
    expect(instance.waiting).toEqual([]);
    expect(instance.send({ type: 'retry', token }).waiting).toEqual(['a']);
  });
});

describe('a milestone', () => {
  it('offers work while it holds, withdraws it after, and offers it again as a new attempt', () => {
    const change = final('change', { milestone: 'open == true' });
    const instance = begin([change], ['start>change'], { open: false });
    const set = (open: boolean) => instance.send({ type: 'set_variables', variables: { open } });
    expect(instance.waiting).toEqual([]);
    expect(set(true).effects).toMatchObject([{ type: 'create_user_task', attempt: 1 }]);
    expect(set(false).effects).toMatchObject([{ type: 'cancel_user_task', attempt: 1 }]);
    expect(set(true).effects).toMatchObject([{ type: 'create_user_task', attempt: 2 }]);
    expect(instance.complete('change').state.status).toBe('completed');
  });

  it('holds while a token waits at another node', () => {
    const nodes = [task('pack'), final('ship'), final('change', { milestone: { at: 'pack' } })];
    const instance = begin(nodes, ['start>pack', 'start>change', 'pack>ship']);
    expect(instance.waiting).toEqual(['pack', 'change']);
    expect(instance.complete('pack').waiting).toEqual(['ship']);
  });

  it('that is over when its turn comes lets the mutex go to the next one', () => {
    const mutex = 'bench';
    const nodes = [
      final('a', { mutex }),
      final('b', { mutex, milestone: 'open == true' }),
      final('c', { mutex }),
    ];
    const instance = begin(nodes, ['start>a', 'start>b', 'start>c'], { open: true });
    const set = (open: boolean) => instance.send({ type: 'set_variables', variables: { open } });
    set(false);
    expect(instance.complete('a').waiting).toEqual(['c']);
    set(true);
    expect(instance.complete('c').waiting).toEqual(['b']);
  });

  it('that cannot be computed is an incident', () => {
    const instance = begin([final('a', { milestone: 'level > 1' })], ['start>a']);
    expect(instance.incidents).toEqual(['expression-failed']);
    instance.send({ type: 'set_variables', variables: { level: 5 } }).send({ type: 'retry' });
    expect(instance.waiting).toEqual(['a']);
  });
});

describe('a node that cancels others', () => {
  it('withdraws their work, and what waits in their joins', () => {
    const nodes = [
      task('a'),
      task('b', { outcomes: ['go', 'stop'] }),
      task('meet', { final: true, join: { mode: 'all' } }),
      final('clean', { cancels: ['meet'] }),
    ];
    const instance = begin(nodes, ['start>a', 'start>b', 'a>meet', 'b[go]>meet', 'b[stop]>clean']);
    instance.complete('a').complete('b', 'stop');
    expect(instance.complete('clean').state.status).toBe('completed');
    expect(instance.incidents).toEqual([]);
  });
});

import { begin, final, task } from '../../../test/support/workflow-instance.js';

describe('events on the boundary', () => {
  it('interrupt the work and withdraw it', () => {
    const a = task('a', { on: [{ timer: 'PT1H', outcome: 'late' }] });
    const instance = begin([a, final('b'), final('c')], ['start>a', 'a>b', 'a[late]>c']);
    instance.fire('a', 'on0');
    expect(instance.waiting).toEqual(['c']);
    expect(instance.effects.map(({ type }) => type)).toEqual([
      'cancel_user_task',
      'create_user_task',
    ]);
  });

  it('are ended with the work', () => {
    const a = final('a', {
      on: [
        { timer: 'PT1H', outcome: 'late' },
        { message: { name: 'stop' }, outcome: 'stopped' },
      ],
    });
    const instance = begin([a], ['start>a']).complete('a');
    expect(instance.effects.map(({ type }) => type)).toEqual([
      'cancel_timer',
      'unsubscribe',
      'end_instance',
    ]);
  });

  it('remind again and again without interrupting', () => {
    const remind = { timer: 'PT1H', outcome: 'remind', interrupting: false, repeat: 2 };
    const nodes = [final('a', { on: [remind] }), final('mail', { kind: 'mail' })];
    const instance = begin(nodes, ['start>a', 'a[remind]>mail']);
    instance.fire('a', 'on0').fire('a', 'on0').fire('a', 'on0');
    expect(instance.at('mail')).toHaveLength(3);
    expect(instance.at('a')[0]?.timers).toEqual({});
    expect(instance.waiting).toEqual(['a', 'mail', 'mail', 'mail']);
  });

  it('take errors from inside of a scope, the nearest one that knows the code', () => {
    const nodes = [
      { id: 'outer', type: 'scope', final: true, on: [{ error: true, outcome: 'failed' }] },
      {
        id: 'inner',
        type: 'scope',
        in: 'outer',
        final: true,
        on: [{ error: 'other', outcome: 'other' }],
      },
      task('a', { in: 'inner', outcomes: ['good', 'bad'], final: ['good'] }),
      final('b', { in: 'inner' }),
      {
        id: 'broken',
        type: 'end',
        in: 'inner',
        error: { code: 'E1', message: 'broken {{ 1 + 1 }}' },
      },
      final('repair'),
    ];
    const flows = ['start>outer', 'a[bad]>broken', 'outer[failed]>repair'];
    const instance = begin(nodes, flows);
    expect(instance.waiting).toEqual(['a', 'b']);
    instance.complete('a', 'bad');
    expect(instance.waiting).toEqual(['repair']);
    expect(instance.state.variables).toEqual({ outer: { code: 'E1', message: 'broken 2' } });
  });

  it('let an error that nobody takes fail the instance', () => {
    const nodes = [task('a'), final('b'), { id: 'end', type: 'end', error: { code: 'E1' } }];
    const instance = begin(nodes, ['start>a', 'start>b', 'a>end']).complete('a');
    expect(instance.state.status).toBe('failed');
    expect(instance.effects).toMatchObject([
      { type: 'cancel_user_task', node: 'b' },
      { type: 'end_instance', status: 'failed', error: { code: 'E1' } },
    ]);
  });

  it('take the failure of a job', () => {
    const a = task('a', { kind: 'http', on: [{ error: 'gone', outcome: 'missing' }] });
    const instance = begin([a, final('b'), final('c')], ['start>a', 'a>b', 'a[missing]>c']);
    instance.send({ type: 'fail', token: 2, code: 'gone', message: '404' });
    expect(instance.waiting).toEqual(['c']);
  });

  it('take escalations, and let the work go on', () => {
    const nodes = [
      {
        id: 's',
        type: 'scope',
        final: true,
        on: [{ escalation: 'help', outcome: 'helped', interrupting: false }],
      },
      task('a', { in: 's' }),
      { id: 'shout', type: 'emit', in: 's', escalation: { code: 'help' } },
      final('b', { in: 's' }),
      final('boss'),
    ];
    const instance = begin(nodes, ['start>s', 'a>shout', 'shout>b', 's[helped]>boss']);
    instance.complete('a');
    expect(instance.waiting).toEqual(['boss', 'b']);
  });

  it('hand an escalation that nobody takes to the outside', () => {
    const shout = {
      id: 'shout',
      type: 'emit',
      escalation: { code: 'help', data: '=x' },
      final: true,
    };
    const instance = begin([shout], ['start>shout'], { x: 7 });
    expect(instance.effects[0]).toMatchObject({ type: 'escalate', code: 'help', data: 7 });
  });

  it('hold for conditions once', () => {
    const a = final('a', {
      on: [{ condition: 'level > 5', outcome: 'high', interrupting: false }],
    });
    const instance = begin([a, final('b')], ['start>a', 'a[high]>b'], { level: 1 });
    for (const level of [9, 10]) instance.send({ type: 'set_variables', variables: { level } });
    expect(instance.waiting).toEqual(['a', 'b']);
  });
});

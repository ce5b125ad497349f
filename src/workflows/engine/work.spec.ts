import { begin, final, task } from '../../../test/support/workflow-instance.js';

describe('work', () => {
  it('is asked for with its resolved config, its outcomes and its due time', () => {
    const a = final('a', {
      outcomes: ['confirmed', 'rejected'],
      due: 'PT2H',
      config: { roles: ['operator'], title: 'Look at {{ machine }}', data: '=reading' },
    });
    const instance = begin([a], ['start>a'], { machine: 'M1', reading: { rpm: 7 } });
    expect(instance.effectsOf('create_user_task')).toEqual([
      {
        type: 'create_user_task',
        token: 2,
        node: 'a',
        attempt: 1,
        outcomes: ['confirmed', 'rejected'],
        due: new Date('2030-01-01T02:00:00Z'),
        task: { roles: ['operator'], title: 'Look at M1', data: { rpm: 7 } },
      },
    ]);
  });

  it.each([
    ['a user that is missing', { users: ['=manager'] }],
    ['a list that is missing', { roles: '=config.roles' }],
    ['an empty list', { roles: '=[]' }],
    ['an empty name', { roles: ['{{ manager }}'] }],
  ])('of people does not begin for everybody where it is meant for %s', (_, config) => {
    const instance = begin([final('a', { config })], ['start>a']);
    expect(instance.effectsOf('create_user_task')).toEqual([]);
    expect(instance.at('a')[0]?.incident?.message).toContain('roles and users name nobody');
  });

  it('leaves its result under the id of the node, or where the output says', () => {
    const nodes = [task('a'), final('b', { output: { who: '=result.user', how: '=outcome' } })];
    const instance = begin(nodes, ['start>a', 'a>b']);
    instance.complete('a', 'done', { x: 1 }).complete('b', 'done', { user: 'ann' });
    expect(instance.state.variables).toEqual({ a: { x: 1 }, who: 'ann', how: 'done' });
    expect(instance.state.status).toBe('completed');
  });

  it('goes on by a decision table, whose output may be the outcome', () => {
    const decision = {
      id: 'route',
      type: 'task',
      kind: 'decision',
      outcomes: ['small', 'large'],
      table: {
        inputs: { amount: 'amount' },
        rules: [
          { when: { amount: '=value > 100' }, then: { outcome: 'large' } },
          { when: {}, then: { outcome: 'small' } },
        ],
      },
    };
    const flows = ['start>route', 'route[small]>a', 'route[large]>b'];
    const run = (amount: number): string[] =>
      begin([decision, final('a'), final('b')], flows, { amount }).waiting;
    expect([run(7), run(700)]).toEqual([['a'], ['b']]);
  });

  it('is tried again after growing delays, then becomes an incident that can be retried', () => {
    const retry = { max_attempts: 3, delay: 'PT10S', backoff: 'exponential' };
    const instance = begin([final('a', { kind: 'http', retry })], ['start>a']);
    const fail = (): Date[] =>
      instance
        .send({ type: 'fail', token: 2, code: 'down', message: 'no answer' })
        .effectsOf('schedule_timer')
        .map(({ at }) => at);
    const started = instance.now;
    expect(fail()).toEqual([new Date(started + 10_000)]);
    instance.fire('a', 'retry');
    expect(instance.effectsOf('create_job')).toMatchObject([{ attempt: 2 }]);
    expect(fail()).toEqual([new Date(started + 30_000)]);
    instance.fire('a', 'retry');
    expect(fail()).toEqual([]);
    expect(instance.effectsOf('raise_incident')).toMatchObject([
      { incident: { code: 'down', message: 'no answer' } },
    ]);
    instance.send({ type: 'retry', token: 2 });
    expect(instance.effects).toMatchObject([
      { type: 'resolve_incident' },
      { type: 'create_job', attempt: 4 },
    ]);
    expect(instance.try({ type: 'complete', token: 2, attempt: 3 })?.code).toBe('stale-attempt');
    instance.send({ type: 'complete', token: 2, attempt: 4 });
    expect(instance.state.status).toBe('completed');
  });

  it('does not try again what is of no use', () => {
    const instance = begin([final('a', { retry: { max_attempts: 9 } })], ['start>a']);
    instance.send({ type: 'fail', token: 2, code: 'no', message: 'never', retriable: false });
    expect(instance.incidents).toEqual(['no']);
  });
});

describe('a node done many times', () => {
  it('can do one after the other', () => {
    const a = final('a', {
      each: { items: 'names', mode: 'sequential' },
      config: { title: '{{ index }} {{ item }}' },
    });
    const instance = begin([a], ['start>a'], { names: ['x', 'y'] });
    expect(instance.effectsOf('create_user_task').map((effect) => effect.task)).toEqual([
      { title: '0 x' },
    ]);
    instance.complete('a', 'done', { n: 1 });
    expect(instance.effectsOf('create_user_task').map((effect) => effect.task)).toEqual([
      { title: '1 y' },
    ]);
    instance.complete('a', 'done', { n: 2 });
    expect(instance.state).toMatchObject({
      status: 'completed',
      variables: { a: [{ n: 1 }, { n: 2 }] },
    });
  });

  it('is an incident when there is no list', () => {
    const instance = begin([final('a', { each: { items: 'names' } })], ['start>a'], { names: 7 });
    expect(instance.incidents).toEqual(['expression-failed']);
    instance.send({ type: 'set_variables', variables: { names: ['x'] } }).send({ type: 'retry' });
    expect(instance.complete('a').state.status).toBe('completed');
  });
});

describe('scopes and calls', () => {
  it('have the outcome of the end that was reached', () => {
    const nodes = [
      { id: 's', type: 'scope', outcomes: ['done', 'refused'] },
      task('a', { in: 's', outcomes: ['yes', 'no'], final: ['yes'] }),
      { id: 'no', type: 'end', in: 's', outcome: 'refused' },
      final('b'),
      final('c'),
    ];
    const flows = ['start>s', 'a[no]>no', 's[done]>b', 's[refused]>c'];
    expect(begin(nodes, flows).complete('a', 'no').waiting).toEqual(['c']);
    expect(begin(nodes, flows).complete('a', 'yes').waiting).toEqual(['b']);
  });

  it('call a workflow, take its result, and take or report its failure', () => {
    const call = {
      id: 'call',
      type: 'scope',
      call: { workflow: 'other@3', input: { x: '=n' } },
      on: [{ error: 'E1', outcome: 'failed' }],
    };
    const nodes = [call, final('a'), final('b')];
    const flows = ['start>call', 'call>a', 'call[failed]>b'];
    const instance = begin(nodes, flows, { n: 7 });
    expect(instance.effectsOf('start_child')).toMatchObject([
      { workflow: 'other@3', input: { x: 7 }, token: 2 },
    ]);
    const ended = { type: 'child_ended', token: 2 } as const;
    instance.send({ ...ended, status: 'completed', result: { y: 1 } });
    expect(instance.waiting).toEqual(['a']);
    expect(instance.state.variables['call']).toEqual({ y: 1 });
    const error = { code: 'E1', message: 'no' };
    expect(begin(nodes, flows).send({ ...ended, status: 'failed', error }).waiting).toEqual(['b']);
    expect(begin(nodes, flows).send({ ...ended, status: 'cancelled' }).incidents).toEqual([
      'child-cancelled',
    ]);
  });

  it('undo what was done, last first', () => {
    const nodes = [
      task('flight', { compensate: 'unflight' }),
      task('hotel', { compensate: 'unhotel' }),
      { id: 'undo', type: 'emit', compensation: true },
      task('unflight'),
      task('unhotel'),
      final('after'),
    ];
    const flows = ['start>flight', 'flight>hotel', 'hotel>undo', 'undo>after'];
    const instance = begin(nodes, flows).complete('flight').complete('hotel');
    expect(instance.waiting).toEqual(['unhotel']);
    expect(instance.complete('unhotel').waiting).toEqual(['unflight']);
    expect(instance.complete('unflight').waiting).toEqual(['after']);
    expect(instance.state.tokens.get(0)?.undo).toEqual([]);
  });
});

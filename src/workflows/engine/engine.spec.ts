import {
  final,
  START,
  task,
  TestInstance,
  workflow,
} from '../../../test/support/workflow-instance.js';

const begin = (nodes: readonly object[], flows: readonly string[], variables = {}): TestInstance =>
  new TestInstance(workflow([START, ...nodes], flows)).start(variables);

const set = (id: string, config: object, more: object = {}): object => ({
  id,
  type: 'task',
  kind: 'set',
  config,
  ...more,
});

describe('commands', () => {
  it('are rejected before the start, twice the start, and after the end', () => {
    const instance = new TestInstance(workflow([START, final('a')], ['start>a']));
    expect(instance.try({ type: 'complete', token: 1 })?.code).toBe('not-running');
    instance.start();
    expect(instance.try({ type: 'start' })?.code).toBe('already-started');
    instance.complete('a');
    expect(instance.try({ type: 'cancel' })?.code).toBe('not-running');
  });

  it('are rejected when they name what is not there or does not wait', () => {
    const instance = begin([final('a', { outcomes: ['yes', 'no'] })], ['start>a']);
    const [a] = instance.at('a');
    const token = a?.id ?? -1;
    expect(instance.try({ type: 'complete', token, outcome: 'maybe' })?.code).toBe('wrong-outcome');
    expect(instance.try({ type: 'complete', token: 99 })?.code).toBe('unknown-token');
    expect(instance.try({ type: 'fire_timer', token, timer: 'wait' })?.code).toBe('unknown-timer');
    expect(instance.try({ type: 'child_ended', token, status: 'completed' })?.code).toBe(
      'not-waiting',
    );
    expect(instance.try({ type: 'message', name: 'hello' })?.code).toBe('nobody-waits');
    expect(instance.try({ type: 'extend', token })?.code).toBe('not-extensible');
    expect(instance.try({ type: 'modify', token, to: 'nowhere' })?.code).toBe('unknown-node');
    expect(instance.try({ type: 'retry' })?.code).toBe('no-incident');
  });

  it('start at the node that is named, or at the one without a trigger', () => {
    const starts = [
      { id: 'mail', type: 'start', message: { name: 'order' } },
      { id: 'plain', type: 'start' },
      final('a'),
      final('b'),
    ];
    const definition = workflow(starts, ['mail>a', 'plain>b']);
    expect(new TestInstance(definition).start().waiting).toEqual(['b']);
    const named = new TestInstance(definition).send({ type: 'start', node: 'mail' });
    expect(named.waiting).toEqual(['a']);
    expect(new TestInstance(definition).try({ type: 'start', node: 'c' })?.code).toBe('no-start');
  });
});

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
        outcomes: ['confirmed', 'rejected'],
        due: new Date('2030-01-01T02:00:00Z'),
        task: { roles: ['operator'], title: 'Look at M1', data: { rpm: 7 } },
      },
    ]);
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
      { type: 'create_job', attempt: 1 },
    ]);
    expect(instance.complete('a').state.status).toBe('completed');
  });

  it('does not try again what is of no use', () => {
    const instance = begin([final('a', { retry: { max_attempts: 9 } })], ['start>a']);
    instance.send({ type: 'fail', token: 2, code: 'no', message: 'never', retriable: false });
    expect(instance.incidents).toEqual(['no']);
  });
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

describe('waits', () => {
  it('end when a condition comes to hold', () => {
    const nodes = [{ id: 'wait', type: 'wait', condition: 'paid == true' }, final('a')];
    const instance = begin(nodes, ['start>wait', 'wait>a']);
    expect(instance.waiting).toEqual(['wait']);
    instance.send({ type: 'set_variables', variables: { paid: true } });
    expect(instance.waiting).toEqual(['a']);
  });

  it('take messages with their key only, the one that has waited longest first', () => {
    const wait = {
      id: 'wait',
      type: 'wait',
      message: { name: 'paid', key: '=item' },
      each: { items: 'keys' },
      final: true,
    };
    const instance = begin([wait], ['start>wait'], { keys: ['x', 'y', 'y'] });
    expect(instance.try({ type: 'message', name: 'paid', key: 'z' })?.code).toBe('nobody-waits');
    instance.send({ type: 'message', name: 'paid', key: 'y', data: { sum: 1 } });
    expect(instance.at('wait').map(({ index }) => index)).toEqual([undefined, 0, 2]);
    instance.send({ type: 'message', name: 'paid', key: 'x', data: 3 });
    instance.send({ type: 'message', name: 'paid', key: 'y', data: 4 });
    expect(instance.state.variables['wait']).toEqual([3, { sum: 1 }, 4]);
  });

  it('all end by one signal', () => {
    const wait = (id: string): object => ({
      id,
      type: 'wait',
      signal: { name: 'go' },
      final: true,
    });
    const instance = begin([wait('a'), wait('b')], ['start>a', 'start>b']);
    expect(instance.send({ type: 'signal', name: 'go' }).state.status).toBe('completed');
  });

  it('end when enough criteria hold at the same time', () => {
    const watch = {
      id: 'watch',
      type: 'wait',
      criteria: [
        { signal: 'heat', key: '=machine', when: 'data.value > config.heat', ttl: 'PT10M' },
        { signal: 'noise', key: '=machine', when: 'data.value > 5' },
      ],
    };
    const instance = new TestInstance(
      workflow([START, watch, final('a')], ['start>watch', 'watch>a']),
    );
    instance.config = { heat: 80 };
    instance.start({ machine: 'M1' });
    const report = (name: string, value: number): TestInstance =>
      instance.send({ type: 'signal', name, key: 'M1', data: { value } });
    report('heat', 90);
    report('heat', 70);
    report('noise', 9);
    expect(instance.waiting).toEqual(['watch']); // the heat no longer holds
    report('heat', 90);
    expect(instance.waiting).toEqual(['a']);
    expect(instance.state.variables['watch']).toEqual({ heat: { value: 90 }, noise: { value: 9 } });
  });

  it('do not count reports that are too old', () => {
    const criteria = [
      { signal: 'heat', when: 'data > 80', ttl: 'PT10M' },
      { signal: 'noise', when: 'data > 5' },
    ];
    const instance = begin([{ id: 'watch', type: 'wait', criteria, final: true }], ['start>watch']);
    instance.send({ type: 'signal', name: 'heat', data: 90 });
    instance.now += 600_001;
    instance.send({ type: 'signal', name: 'noise', data: 9 });
    expect(instance.waiting).toEqual(['watch']);
    instance.send({ type: 'signal', name: 'heat', data: 90 });
    expect(instance.state.status).toBe('completed');
  });

  it('look at criteria again when the config has changed', () => {
    const criteria = [{ signal: 'heat', when: 'data > config.limit' }];
    const instance = new TestInstance(
      workflow([START, { id: 'watch', type: 'wait', criteria, final: true }], ['start>watch']),
    );
    instance.config = { limit: 100 };
    instance.start().send({ type: 'signal', name: 'heat', data: 90 });
    expect(instance.waiting).toEqual(['watch']);
    instance.config = { limit: 80 };
    expect(instance.send({ type: 'reconsider' }).state.status).toBe('completed');
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

describe('operations', () => {
  it('cancel withdraws everything', () => {
    const nodes = [final('a'), final('b', { kind: 'http', each: { count: 2 } })];
    const instance = begin(nodes, ['start>a', 'start>b']).send({ type: 'cancel' });
    expect(instance.state.status).toBe('cancelled');
    expect(instance.effects.map(({ type }) => type)).toEqual([
      'cancel_user_task',
      'cancel_job',
      'cancel_job',
      'end_instance',
    ]);
  });

  it('cancel of a token withdraws that, and nothing follows it', () => {
    const instance = begin([task('a'), final('b'), final('c')], ['start>a', 'start>b', 'a>c']);
    const [a] = instance.at('a');
    instance.send({ type: 'cancel', token: a?.id ?? -1 });
    expect(instance.waiting).toEqual(['b']);
    expect(instance.complete('b').state.status).toBe('completed');
  });

  it('pause lets work end, but nothing begin until it is resumed', () => {
    const instance = begin([task('a'), final('b')], ['start>a', 'a>b']).send({ type: 'pause' });
    instance.complete('a');
    expect(instance.waiting).toEqual([]);
    expect(instance.effects).toEqual([]);
    expect(instance.send({ type: 'resume' }).waiting).toEqual(['b']);
  });

  it('pause of a node holds only that', () => {
    const instance = begin([task('a'), final('b'), final('c')], ['start>a', 'a>b', 'a>c']);
    instance.send({ type: 'pause', node: 'b' }).complete('a');
    expect(instance.waiting).toEqual(['c']);
    expect(instance.send({ type: 'resume', node: 'b' }).waiting).toEqual(['b', 'c']);
  });

  it('modify moves a token', () => {
    const instance = begin([task('a'), final('b')], ['start>a', 'a>b']);
    const [a] = instance.at('a');
    instance.send({ type: 'modify', token: a?.id ?? -1, to: 'b' });
    expect(instance.waiting).toEqual(['b']);
    expect(instance.effectsOf('cancel_user_task')).toHaveLength(1);
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

import {
  begin,
  final,
  START,
  task,
  TestInstance,
  workflow,
} from '../../../test/support/workflow-instance.js';
import type { WorkflowCommand } from './commands.js';

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
    const token = instance.idAt('a');
    const commands: [WorkflowCommand, string][] = [
      [{ type: 'complete', token, outcome: 'maybe' }, 'wrong-outcome'],
      [{ type: 'complete', token: 99 }, 'unknown-token'],
      [{ type: 'fire_timer', token, timer: 'wait' }, 'unknown-timer'],
      [{ type: 'child_ended', token, status: 'completed' }, 'not-waiting'],
      [{ type: 'message', name: 'hello' }, 'nobody-waits'],
      [{ type: 'extend', token }, 'not-extensible'],
      [{ type: 'modify', token, to: 'nowhere' }, 'unknown-node'],
      [{ type: 'pause', node: 'nowhere' }, 'unknown-node'],
      [{ type: 'resume', node: 'nowhere' }, 'unknown-node'],
      [{ type: 'retry' }, 'no-incident'],
    ];
    const codes = commands.map(([command]) => instance.try(command)?.code);
    expect(codes).toEqual(commands.map(([, code]) => code));
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
    instance.send({ type: 'cancel', token: instance.idAt('a') });
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

  it('a pause of the workflow holds its instances, and is no part of their states', () => {
    const instance = begin([task('a'), final('b'), final('c')], ['start>a', 'a>b', 'a>c']);
    instance.pause = { everywhere: false, nodes: ['b'] };
    expect(instance.complete('a').waiting).toEqual(['c']);
    instance.pause = { everywhere: true, nodes: [] };
    expect(instance.send({ type: 'reconsider' }).waiting).toEqual(['c']);
    instance.pause = { everywhere: false, nodes: [] };
    expect(instance.send({ type: 'reconsider' }).waiting).toEqual(['b', 'c']);
  });

  it('modify moves a token', () => {
    const instance = begin([task('a'), final('b')], ['start>a', 'a>b']);
    instance.send({ type: 'modify', token: instance.idAt('a'), to: 'b' });
    expect(instance.waiting).toEqual(['b']);
    expect(instance.effectsOf('cancel_user_task')).toHaveLength(1);
  });
});

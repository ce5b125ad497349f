import fc from 'fast-check';
import {
  final,
  START,
  task,
  TestInstance,
  workflow,
} from '../../../test/support/workflow-instance.js';
import type { Json } from '../definition/json.js';
import type { WorkflowCommand } from './commands.js';
import { NOBODY, ROOT, type InstanceState, type Token } from './state.js';

/** Something of everything, so that the attributes meet each other in ways that nobody has thought of. */
const definition = workflow(
  [
    START,
    task('flight', { compensate: 'unflight', mutex: 'desk', retry: { max_attempts: 2 } }),
    final('unflight'),
    {
      id: 'trip',
      type: 'scope',
      mutex: 'desk',
      each: { items: 'people', dynamic: true, await: 2, rest: 'absorb' },
      on: [
        { error: true, outcome: 'failed' },
        { timer: 'PT1H', outcome: 'remind', interrupting: false, repeat: true },
        { message: { name: 'stop' }, outcome: 'stopped' },
      ],
    },
    task('hotel', { in: 'trip', outcomes: ['booked', 'full'] }),
    { id: 'choice', type: 'gateway', in: 'trip', split: 'event' },
    { id: 'paid', type: 'wait', in: 'trip', message: { name: 'paid' } },
    { id: 'late', type: 'wait', in: 'trip', timer: 'PT2H' },
    { id: 'through', type: 'end', in: 'trip' },
    { id: 'broken', type: 'end', in: 'trip', error: { code: 'E1' } },
    final('remind', { milestone: { at: 'watch' } }),
    { id: 'watch', type: 'wait', criteria: [{ signal: 'heat', when: 'data > limit' }] },
    task('many', { each: { count: 3, mode: 'sequential' }, outcomes: ['yes', 'no'] }),
    { id: 'undo', type: 'emit', compensation: true },
    { id: 'sum', type: 'task', kind: 'set', config: { n: '=n + 1' } },
    final('meet', { join: { mode: 'sync' }, cancels: ['remind'] }),
    final('all', { join: { mode: 'all' } }),
  ],
  [
    'start>flight',
    'start>trip',
    'start>watch',
    'hotel[booked]>choice',
    'hotel[full]>broken',
    'choice>paid',
    'choice>late',
    'paid>through',
    'late>through',
    'trip[done]>all',
    'trip[failed]>undo',
    'trip[stopped]>meet',
    'trip[remind]>remind',
    'flight>many',
    'many[yes]>all',
    'many[no]>sum',
    'watch>sum',
    'sum>meet?n < 3',
    'sum>watch?otherwise',
    'undo>meet',
  ],
);

const nodes = [...definition.nodes.keys()];
const timers = ['wait', 'retry', 'on0', 'on1', 'on2'];
const outcomes = ['done', 'yes', 'no', 'booked', 'full'];
const values = fc.constantFrom(0, 1, 9, 'x', null, ['a'], ['a', 'b', 'c']);
const token = fc.nat(40);

const commands: fc.Arbitrary<WorkflowCommand> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('complete' as const),
      token,
      outcome: fc.constantFrom(...outcomes),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('complete' as const), token, result: values }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('fire_timer' as const),
      token,
      timer: fc.constantFrom(...timers),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('fail' as const),
      token,
      code: fc.constant('E1'),
      message: fc.constant('no'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('message' as const),
      name: fc.constantFrom('paid', 'stop'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('signal' as const),
      name: fc.constant('heat'),
      data: values,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('set_variables' as const),
      variables: fc.record({ n: values, limit: values, people: values }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'pause' as const,
        'resume' as const,
        'retry' as const,
        'reconsider' as const,
      ),
    }),
  },
  fc.record({ type: fc.constant('cancel' as const), token }),
  fc.record({ type: fc.constant('modify' as const), token, to: fc.constantFrom(...nodes) }),
  fc.record({ type: fc.constant('modify' as const), to: fc.constantFrom(...nodes) }),
  fc.record({ type: fc.constant('extend' as const), token, items: fc.constant<Json[]>(['d']) }),
);

/** Most commands are about something that is there; whoever says nonsense is to be rejected. */
function aimed({ state }: TestInstance, command: WorkflowCommand): WorkflowCommand {
  if (!('token' in command) || command.token > 35) return command;
  const tokens = [...state.tokens.values()].filter(({ id }) => id !== ROOT);
  const target = tokens[command.token % tokens.length];
  return target ? aimedAt(target, command, command.token) : command;
}

function aimedAt(
  { id, node, timers: armed }: Token,
  command: WorkflowCommand,
  pick: number,
): WorkflowCommand {
  if (command.type === 'fire_timer') {
    const [timer = command.timer] = Object.keys(armed ?? {});
    return { ...command, token: id, timer };
  }
  if (command.type !== 'complete') return Object.assign({ ...command }, { token: id });
  const own = definition.nodes.get(node)?.outcomes ?? ['done'];
  return { ...command, token: id, outcome: own[pick % own.length] ?? 'done' };
}

const inside = ({ tokens }: InstanceState, { id }: Token): number =>
  [...tokens.values()].filter(({ scope }) => scope === id).length;

function expectSound(state: InstanceState): void {
  for (const one of state.tokens.values()) {
    expect(one.live).toBe(inside(state, one));
    expect(one.id === ROOT || state.tokens.has(one.scope)).toBe(true);
    if (one.status === 'waiting') expect(one.wait).toBeDefined();
  }
  for (const [name, { holder, queue }] of Object.entries(state.mutexes)) {
    const next = [...state.tokens.values()].filter(
      ({ id, mutex }) => mutex === name && !queue.includes(id),
    );
    expect(holder === NOBODY ? next.length > 0 : state.tokens.has(holder)).toBe(true);
    expect(queue.map((id) => state.tokens.get(id)?.status)).toEqual(queue.map(() => 'blocked'));
  }
  if (state.status !== 'running' || state.paused) return;
  const all = [...state.tokens.values()];
  expect(all.filter(({ status }) => status === 'ready')).toEqual([]);
  // Something outside or somebody can still move it: no instance is lost.
  expect(all.some((one) => one.status !== 'waiting' || (one.live === 0 && one.id !== ROOT))).toBe(
    true,
  );
}

describe('an instance', () => {
  it('survives whatever it is told: its history gives its state, and something always goes on', () => {
    fc.assert(
      fc.property(values, fc.array(commands, { maxLength: 40 }), (people, told) => {
        const instance = new TestInstance(definition).start({ people, n: 0, limit: 5 });
        expectSound(instance.state);
        for (const command of told) {
          instance.try(aimed(instance, command));
          expectSound(instance.state);
        }
      }),
      { numRuns: 300 },
    );
  });
});

import fc from 'fast-check';
import type { Json } from '../../src/workflows/definition/json.js';
import type { WorkflowCommand } from '../../src/workflows/engine/commands.js';
import { ROOT, type InstanceState, type Token } from '../../src/workflows/engine/state.js';
import { draftOf, final, START, task, workflow } from './workflow-instance.js';

/** Something of everything, so that the attributes meet each other in ways that nobody has thought of. */
const NODES = [
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
];

const FLOWS = [
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
];

export const chaos = workflow(NODES, FLOWS);

/** As it is saved. */
export const chaosDraft = (key: string) => ({ ...draftOf(NODES, FLOWS), key });

const nodes = [...chaos.nodes.keys()];
const timers = ['wait', 'retry', 'on0', 'on1', 'on2'];
const outcomes = ['done', 'yes', 'no', 'booked', 'full'];
export const values = fc.constantFrom(0, 1, 9, 'x', null, ['a'], ['a', 'b', 'c']);
const token = fc.nat(40);

export const commands: fc.Arbitrary<WorkflowCommand> = fc.oneof(
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
export function aimed(state: InstanceState, command: WorkflowCommand): WorkflowCommand {
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
  const own = chaos.nodes.get(node)?.outcomes ?? ['done'];
  return { ...command, token: id, outcome: own[pick % own.length] ?? 'done' };
}

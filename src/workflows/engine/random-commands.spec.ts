import fc from 'fast-check';
import { aimed, chaos, commands, values } from '../../../test/support/workflow-chaos.js';
import { TestInstance } from '../../../test/support/workflow-instance.js';
import { NOBODY, ROOT, type InstanceState, type Token } from './state.js';

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
        const instance = new TestInstance(chaos).start({ people, n: 0, limit: 5 });
        expectSound(instance.state);
        for (const command of told) {
          instance.try(aimed(instance.state, command));
          expectSound(instance.state);
        }
      }),
      { numRuns: 300 },
    );
  });
});

import { Circuit } from './circuit.js';

const options = { failures: 3, overMs: 2_000, firstPauseMs: 1_000, longestPauseMs: 3_000 };
const failedAt = (circuit: Circuit, ...instants: number[]) =>
  instants.map((now) => circuit.note(false, now));

describe('a circuit', () => {
  it('opens when so many have failed in a row over the time', () => {
    const circuit = new Circuit(options);
    expect(failedAt(circuit, 0, 1_000, 2_000)).toEqual([false, false, true]);
    expect([circuit.state, circuit.pauseMs]).toEqual(['open', 1_000]);
  });

  it('stays closed for a burst, for too few, and where one succeeds between', () => {
    const circuit = new Circuit(options);
    failedAt(circuit, 0, 1, 2, 3, 4, 1_999);
    expect(circuit.state).toBe('closed');
    const few = new Circuit(options);
    failedAt(few, 0, 5_000);
    expect(few.state).toBe('closed');
    few.note(true, 5_001);
    failedAt(few, 6_000, 7_000);
    expect(few.state).toBe('closed');
  });

  it('pauses twice as long after each probe that fails, up to the longest', () => {
    const circuit = new Circuit(options);
    failedAt(circuit, 0, 1_000, 2_000);
    const pauses = [1, 2, 3].map(() => {
      circuit.probe();
      expect(circuit.note(false, 9_000)).toBe(true);
      return circuit.pauseMs;
    });
    expect(pauses).toEqual([2_000, 3_000, 3_000]);
  });

  it('closes with the first success of a probe, and begins anew', () => {
    const circuit = new Circuit(options);
    failedAt(circuit, 0, 1_000, 2_000);
    expect(circuit.note(true, 2_500)).toBe(false); // began before it opened
    circuit.probe();
    expect([circuit.state, circuit.note(true, 3_000), circuit.state]).toEqual([
      'half-open',
      true,
      'closed',
    ]);
    expect(circuit.pauseMs).toBe(1_000);
    expect(failedAt(circuit, 3_001, 6_000)).toEqual([false, false]);
  });
});

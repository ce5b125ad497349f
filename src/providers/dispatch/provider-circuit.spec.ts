import { ProviderCircuit } from './provider-circuit.js';

function failing(): ProviderCircuit {
  const circuit = new ProviderCircuit();
  for (let call = 0; call < 5; call += 1) {
    expect(circuit.enter(0)).toBe(true);
    circuit.leave(false, 0);
  }
  return circuit;
}

describe('the circuit of a provider', () => {
  it('opens after five failures in a row', () => {
    const circuit = failing();
    expect(circuit.state).toBe('open');
    expect(circuit.enter(999)).toBe(false);
    expect(circuit.pauseMs(400)).toBe(600);
  });

  it('stays closed when one of them worked', () => {
    const circuit = new ProviderCircuit();
    for (let call = 0; call < 20; call += 1) circuit.leave(call % 5 === 4, 0);
    expect(circuit.state).toBe('closed');
  });

  it('lets one call through after its pause, and closes when that works', () => {
    const circuit = failing();
    expect([circuit.enter(1_000), circuit.enter(1_000)]).toEqual([true, false]);
    circuit.leave(true, 1_010);
    expect([circuit.state, circuit.enter(1_010), circuit.enter(1_010)]).toEqual([
      'closed',
      true,
      true,
    ]);
  });

  it('pauses twice as long after a probe that failed', () => {
    const circuit = failing();
    circuit.enter(1_000);
    circuit.leave(false, 1_000);
    expect(circuit.pauseMs(1_000)).toBe(2_000);
  });

  it('lets the next one try when the probe came to no call', () => {
    const circuit = failing();
    circuit.enter(1_000);
    circuit.leave(undefined, 1_001);
    expect(circuit.enter(1_002)).toBe(true);
  });
});

import { Circuit, type CircuitState } from '../../kernel/messaging/circuit.js';

const OPTIONS = { failures: 5, overMs: 0, firstPauseMs: 1_000, longestPauseMs: 30_000 };

/**
 * Keeps calls from a provider that fails: five failures in a row open it for a second, doubling to thirty, then one call
 * at a time tries it. Whoever {@link enter}s tells the outcome exactly once.
 */
export class ProviderCircuit {
  readonly #circuit = new Circuit(OPTIONS);
  #openUntil = 0;
  #isProbing = false;

  get state(): CircuitState {
    return this.#circuit.state;
  }

  /** Until a call may be tried; 0 when one may be tried now. */
  pauseMs(now: number): number {
    if (this.state === 'closed') return 0;
    if (this.#isProbing) return OPTIONS.firstPauseMs;
    return Math.max(0, this.#openUntil - now);
  }

  /** True: the caller may make its call. `now` is monotonic, in milliseconds. */
  enter(now: number): boolean {
    if (this.state === 'closed') return true;
    if (this.pauseMs(now) > 0) return false;
    this.#circuit.probe();
    this.#isProbing = true;
    return true;
  }

  /** `works` undefined: no call was made after all, or it says nothing about the provider. Answers whether the state changed. */
  leave(works: boolean | undefined, now: number): boolean {
    const before = this.state;
    this.#isProbing = false;
    if (works === undefined) return false;
    const hasChanged = this.#circuit.note(works, now);
    if (this.state === 'open' && before !== 'open') this.#openUntil = now + this.#circuit.pauseMs;
    return hasChanged;
  }
}

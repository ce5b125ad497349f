export interface CircuitOptions {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** They must be spread over at least so long: a burst of one moment says little. */
  readonly overMs: number;
  /** How long it stays open; doubled after each probe that fails, up to the longest. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

export const CIRCUIT: CircuitOptions = {
  failures: 20,
  overMs: 2_000,
  firstPauseMs: 1_000,
  longestPauseMs: 30_000,
};

export type CircuitState = 'closed' | 'open' | 'half-open';

/**
 * Knows when everything fails. Closed: work goes on; open: nothing is begun; half-open: one at a time, until a success
 * closes it or a failure opens it again. It holds no timer: its owner calls {@link probe} when the pause is over.
 */
export class Circuit {
  #state: CircuitState = 'closed';
  #failures = 0;
  #firstFailureAt = 0;
  #pauseMs: number;

  constructor(private readonly options: CircuitOptions) {
    this.#pauseMs = options.firstPauseMs;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** How long to stay open this time. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** Notes how something ended; true when that changed the state. What ends while it is open says nothing new. */
  note(succeeded: boolean, now: number): boolean {
    if (this.#state === 'open') return false;
    return succeeded ? this.#succeed() : this.#fail(now);
  }

  probe(): void {
    this.#state = 'half-open';
  }

  #succeed(): boolean {
    this.#failures = 0;
    if (this.#state === 'closed') return false;
    this.#state = 'closed';
    this.#pauseMs = this.options.firstPauseMs;
    return true;
  }

  #fail(now: number): boolean {
    if (this.#state === 'half-open') {
      this.#pauseMs = Math.min(this.#pauseMs * 2, this.options.longestPauseMs);
      this.#state = 'open';
      return true;
    }
    if (this.#failures === 0) this.#firstFailureAt = now;
    this.#failures += 1;
    const { failures, overMs } = this.options;
    if (this.#failures < failures || now - this.#firstFailureAt < overMs) return false;
    this.#failures = 0;
    this.#state = 'open';
    return true;
  }
}

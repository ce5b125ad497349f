import type { Bench } from './bench.ts';
import type { EventCounter } from './events.ts';

const WARM_UP_SHARE = 0.15;

/** What is measured: from the end of the warm-up until the creator stops. */
export class SteadyWindow {
  readonly #bench: Bench;
  readonly #events: EventCounter;
  readonly #timer: NodeJS.Timeout;
  #from: { readonly at: number; readonly count: number } | undefined;

  constructor(
    bench: Bench,
    events: EventCounter,
    until: { readonly tasks: number } | { readonly seconds: number },
  ) {
    this.#bench = bench;
    this.#events = events;
    const since = performance.now();
    const isWarm = (): boolean =>
      'tasks' in until
        ? events.count >= until.tasks * WARM_UP_SHARE
        : performance.now() - since >= until.seconds * 1_000 * WARM_UP_SHARE;
    this.#timer = setInterval(() => {
      if (isWarm()) this.#begin();
    }, 50);
  }

  end(): { finished: number; seconds: number } {
    clearInterval(this.#timer);
    if (!this.#from) throw new Error('The run ended within its warm-up');
    this.#bench.stopClock();
    const { at, count } = this.#from;
    return {
      finished: this.#events.count - count,
      seconds: (performance.now() - at) / 1_000,
    };
  }

  #begin(): void {
    clearInterval(this.#timer);
    this.#bench.startClock();
    this.#from = { at: performance.now(), count: this.#events.count };
  }
}

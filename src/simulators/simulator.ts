import { Limiter, type Limits, type Verdict } from './engine/limiter.js';
import type { EpochStatistics, SimulatorSettings, SimulatorStatistics } from './simulator.dto.js';

/** What becomes of one request. */
export type Fate =
  | { readonly kind: 'accepted'; readonly verdict: Verdict; readonly id: string }
  | { readonly kind: 'replayed'; readonly id: string }
  | { readonly kind: 'error'; readonly verdict: Verdict }
  | { readonly kind: 'refused'; readonly verdict: Verdict }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'conflict' };

/** Idempotency keys that are remembered. */
const KEYS = 200_000;

const AT_WORK = '';

const NOTHING = {
  accepted: 0,
  refused: 0,
  errors: 0,
  timeouts: 0,
  lost: 0,
  replayed: 0,
  conflicts: 0,
};

/** One simulated provider: the truth about its limit, its faults and its idempotency keys, without the HTTP. */
export class Simulator {
  readonly #counts = { ...NOTHING };
  /** The id of the answer by idempotency key; {@link AT_WORK} while there is none. */
  readonly #answers = new Map<string, string>();
  #limiter: Limiter;
  #ids = 0;

  constructor(
    readonly name: string,
    public settings: SimulatorSettings,
  ) {
    this.#limiter = new Limiter(limitsOf(settings));
  }

  /** The provider's own clock. */
  now(): number {
    return Date.now() + this.settings.clock_offset_ms;
  }

  change(settings: SimulatorSettings): void {
    const jumped = settings.clock_offset_ms !== this.settings.clock_offset_ms;
    this.settings = settings;
    // Instants of before mean nothing on the new clock; to forget them is what a restarted provider does.
    if (jumped) this.#limiter = new Limiter(limitsOf(settings));
    else this.#limiter.change(limitsOf(settings), this.now());
  }

  /** Nothing was ever called; the settings stay. */
  reset(): void {
    this.#limiter.reset();
    this.#answers.clear();
    Object.assign(this.#counts, NOTHING);
  }

  /** Counts a request at its arrival, and says what becomes of it. */
  receive(key: string | undefined): Fate {
    if (this.#happens(this.settings.lost_rate)) return this.#fault('lost', { kind: 'lost' });
    const known = key === undefined ? undefined : this.#answers.get(key);
    if (known === AT_WORK) return this.#fault('conflicts', { kind: 'conflict' });
    if (known !== undefined) {
      this.#counts.replayed += 1;
      return { kind: 'replayed', id: known };
    }
    const verdict = this.#limiter.take(this.now());
    if (!verdict.accepted) {
      this.#counts.refused += 1;
      return { kind: 'refused', verdict };
    }
    this.#counts.accepted += 1;
    const id = `${this.name}-${(this.#ids += 1)}`;
    if (this.#happens(this.settings.timeout_rate)) {
      if (key !== undefined) this.#remember(key, id); // done, but nobody heard
      return this.#fault('timeouts', { kind: 'timeout' });
    }
    if (this.#happens(this.settings.error_rate)) {
      this.#counts.errors += 1;
      return { kind: 'error', verdict };
    }
    if (key !== undefined) this.#remember(key, AT_WORK);
    return { kind: 'accepted', verdict, id };
  }

  /** The answer leaves; from now on its key is answered alike. */
  answered(key: string, id: string): void {
    this.#answers.set(key, id);
  }

  statistics(): SimulatorStatistics {
    const { epochs } = this.#limiter;
    return {
      ...this.#counts,
      epochs: epochs.map((epoch, n): EpochStatistics => {
        const isAwaited = n > 0 && epochs[n - 1]?.exhaustedAt !== null;
        const { firstCallAt, openedAt } = epoch;
        return {
          opened_at: openedAt,
          accepted: epoch.accepted,
          refused: epoch.refused,
          first_call_at: firstCallAt,
          exhausted_at: epoch.exhaustedAt,
          ends_at: epoch.endsAt,
          first_call_after_ms: isAwaited && firstCallAt !== null ? firstCallAt - openedAt : null,
        };
      }),
    };
  }

  #fault(count: 'lost' | 'conflicts' | 'timeouts', fate: Fate): Fate {
    this.#counts[count] += 1;
    return fate;
  }

  #remember(key: string, id: string): void {
    this.#answers.set(key, id);
    if (this.#answers.size <= KEYS) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }

  #happens(share: number): boolean {
    return share > 0 && Math.random() < share;
  }
}

function limitsOf(settings: SimulatorSettings): Limits {
  const { model, limit, period_ms: periodMs, restarts_block: restartsBlock } = settings;
  return { model, limit, periodMs, restartsBlock };
}

import { Injectable } from '@nestjs/common';
import { within } from './deadline.js';
import { redactText } from './redaction.js';

/** `up: false` and a rejection mean the same: the dependency cannot be used now. What is up may have a remark. */
export interface DependencyState {
  readonly up: boolean;
  readonly reason?: string | undefined;
}

export interface DependencyReport {
  readonly status: 'up' | 'down';
  readonly critical: boolean;
  readonly latency_ms: number;
  readonly reason?: string;
}

export interface HealthReport {
  readonly status: 'ok' | 'degraded' | 'unavailable' | 'draining';
  readonly checks: Readonly<Record<string, DependencyReport>>;
}

type Check = () => DependencyState | Promise<DependencyState>;

interface Registered {
  readonly check: Check;
  readonly critical: boolean;
  /** A check that hangs is not started again at every probe: that would drain the pool it waits for. */
  pending?: Pending | undefined;
}

interface Pending {
  readonly since: number;
  readonly state: Promise<DependencyState>;
}

const CHECK_TIMEOUT_MS = 1_000;
const CACHE_MS = 1_000;
/** A connection that died silently answers only when the driver gives up; a fresh attempt may find a healthy one. */
const ABANDON_MS = 5_000;
const MAX_REASON_LENGTH = 200;

/**
 * What this process depends on, and whether it can be used. Reports are shared for one second and between
 * concurrent callers, so that probes cannot become load; a report takes at most one second.
 */
@Injectable()
export class HealthChecks {
  readonly #registered = new Map<string, Registered>();
  #report: { readonly at: number; readonly checks: Promise<HealthReport['checks']> } | undefined;
  #draining = false;

  /** While a critical dependency is down the process asks for no traffic. Throws if the name is taken. */
  register(name: string, check: Check, { critical }: { readonly critical: boolean }): void {
    if (this.#registered.has(name)) throw new Error(`There is already a health check ${name}`);
    this.#registered.set(name, { check, critical });
    this.#report = undefined;
  }

  /** From now on the process is not ready, so that balancers look elsewhere before it stops listening. */
  drain(): void {
    this.#draining = true;
  }

  get draining(): boolean {
    return this.#draining;
  }

  async report(): Promise<HealthReport> {
    const now = performance.now();
    if (!this.#report || now - this.#report.at > CACHE_MS) {
      this.#report = { at: now, checks: this.#checkAll() };
    }
    const checks = await this.#report.checks;
    return { status: this.#statusOf(Object.values(checks)), checks };
  }

  #statusOf(reports: readonly DependencyReport[]): HealthReport['status'] {
    if (this.#draining) return 'draining';
    const down = reports.filter(({ status }) => status === 'down');
    if (down.some(({ critical }) => critical)) return 'unavailable';
    return down.length > 0 ? 'degraded' : 'ok';
  }

  async #checkAll(): Promise<HealthReport['checks']> {
    const names = [...this.#registered.entries()];
    const reports = await Promise.all(
      names.map(async ([name, registered]) => [name, await reportOn(registered)] as const),
    );
    return Object.fromEntries(reports);
  }
}

async function reportOn(registered: Registered): Promise<DependencyReport> {
  const { critical } = registered;
  const start = performance.now();
  const state = await stateOf(registered);
  const latency_ms = Math.round((performance.now() - start) * 10) / 10;
  const status = state.up ? 'up' : 'down';
  const reason = state.reason ?? (state.up ? undefined : 'not available');
  const report = { status, critical, latency_ms } as const;
  if (reason === undefined) return report;
  return { ...report, reason: redactText(reason).slice(0, MAX_REASON_LENGTH) };
}

async function stateOf(registered: Registered): Promise<DependencyState> {
  try {
    const { state } = waiting(registered) ?? start(registered);
    return await within(CHECK_TIMEOUT_MS, () => state);
  } catch (error) {
    return { up: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function waiting({ pending }: Registered): Pending | undefined {
  if (!pending || performance.now() - pending.since > ABANDON_MS) return undefined;
  return pending;
}

function start(registered: Registered): Pending {
  const started: Pending = { since: performance.now(), state: (async () => registered.check())() };
  registered.pending = started;
  const forget = (): void => {
    if (registered.pending === started) registered.pending = undefined;
  };
  started.state.then(forget, forget);
  return started;
}

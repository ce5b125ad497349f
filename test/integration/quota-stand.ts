import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Quota } from '../../src/providers/quota/engine/quota.js';
import type { SimulatorSettings, SimulatorStatistics } from '../../src/simulators/simulator.dto.js';
import type { SenderFigures, SenderSettings } from './providers-quota.child.js';

/** A simulated provider and processes that send to it through gates; nothing of it outlives `dispose`. */
export class QuotaStand {
  readonly #children = new Set<ChildProcess>();
  #senders: ChildProcess[] = [];

  private constructor(readonly providerUrl: string) {}

  static async start(quota: Quota, more: Partial<SimulatorSettings> = {}): Promise<QuotaStand> {
    const { model, periodMs } = quota;
    const settings = { model, limit: quota.limit ?? 100, period_ms: periodMs, ...more };
    const child = startChild('./providers-simulator.child.ts', settings);
    const [url] = (await once(child, 'message')) as [string];
    const stand = new QuotaStand(url);
    stand.#children.add(child);
    return stand;
  }

  /** Starts them all, then lets them go at once. */
  async send(senders: number, settings: Omit<SenderSettings, 'providerUrl'>): Promise<void> {
    const { providerUrl } = this;
    const started = Array.from({ length: senders }, () =>
      startChild('./providers-quota.child.ts', { ...settings, providerUrl }),
    );
    for (const child of started) this.#children.add(child);
    await Promise.all(started.map((child) => once(child, 'message')));
    for (const child of started) child.send('go');
    this.#senders.push(...started);
  }

  kill(): void {
    this.#senders.shift()?.kill('SIGKILL');
  }

  /** Stops one in its tracks, and answers how to let it go on. */
  freeze(): () => void {
    const [child] = this.#senders;
    child?.kill('SIGSTOP');
    return () => child?.kill('SIGCONT');
  }

  /** Ends the senders that live, and answers the sums and the worst of their figures. */
  async stop(): Promise<SenderFigures> {
    const senders = this.#senders.splice(0);
    const told = senders.map((child) => once(child, 'message') as Promise<[SenderFigures]>);
    for (const child of senders) child.send('stop');
    const figures = (await Promise.all(told)).flat();
    const sum = (key: keyof SenderFigures) => figures.reduce((total, one) => total + one[key], 0);
    const worst = (key: keyof SenderFigures) => Math.max(...figures.map((one) => one[key]));
    return {
      free: sum('free'),
      denied: sum('denied'),
      ambiguous: sum('ambiguous'),
      refused: sum('refused'),
      exchanges: sum('exchanges'),
      decisionP50: worst('decisionP50'),
      decisionP99: worst('decisionP99'),
    };
  }

  async statistics(): Promise<SimulatorStatistics> {
    const response = await fetch(`${this.providerUrl}/control/statistics`);
    return (await response.json()) as SimulatorStatistics;
  }

  async change(settings: Partial<SimulatorSettings>): Promise<void> {
    await fetch(`${this.providerUrl}/control`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(settings),
    });
  }

  async dispose(): Promise<void> {
    const gone = [...this.#children].map((child) =>
      child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined,
    );
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(gone);
  }
}

function startChild(file: string, settings: object): ChildProcess {
  const hooks = new URL('../support/run-typescript.mjs', import.meta.url).href;
  return fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(settings)], {
    execArgv: ['--import', hooks],
  });
}
